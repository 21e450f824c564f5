# Copyright: (c) kvm-hotplug contributors
# MIT License (see LICENSE of kvm-hotplug)
# Made by `deno task ansible`: do not edit.

from __future__ import absolute_import, division, print_function

__metaclass__ = type


class ModuleDocFragment(object):
    """What all modules have in common."""

    DOCUMENTATION = r"""
---
options:
  run_dir:
    description:
      - >-
        Ganeti's run directory; all other paths are below it. Default:
        $KVM_HOTPLUG_RUN_DIR, else /var/run/ganeti.
    type: str
  qmp:
    description:
      - Use this QMP socket.
    type: str
  state_file:
    description:
      - Use this runtime file.
    type: str
  timeout:
    description:
      - >-
        Longest wait for one QMP reply, in seconds. Default: 5.
    type: float
  unplug_timeout:
    description:
      - >-
        Longest wait for the guest to release a device, in seconds. Default:
        30.
    type: float
  lock_timeout:
    description:
      - >-
        Longest wait for another kvm-hotplug on the same instance, in
        seconds. Default: 10.
    type: float
  log:
    description:
      - Append the trace, and one line for each change, as JSON lines.
    type: str
  executable:
    description:
      - The path of kvm-hotplug on the node.
      - >-
        If it is omitted, kvm-hotplug is looked for in PATH,
        C(/usr/local/sbin) and C(/usr/sbin).
    type: path
attributes:
  check_mode:
    support: full
    description:
      - All checks are made against the live VM; nothing is changed.
  diff_mode:
    support: partial
    description:
      - In check mode, the diff shows each step and what takes it back.
notes:
  - Runs as root on the node of the VM.
  - >-
    The options come from C(kvm-hotplug schema): C(kvm-hotplug help) says
    more.
"""
