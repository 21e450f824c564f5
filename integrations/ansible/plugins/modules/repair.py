#!/usr/bin/python
# Copyright: (c) kvm-hotplug contributors
# MIT License (see LICENSE of kvm-hotplug)
# Made by `deno task ansible`: do not edit.

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: repair
short_description: Finish an interrupted change of a VM and fix differences
version_added: 0.1.0
author:
  - The authors of kvm-hotplug (@kvm-hotplug)
description:
  - >-
    Finishes or undoes a change that was interrupted, and fixes what differs
    between runtime file, QEMU and node.
  - >-
    Fails with status 7 if something remains.
options:
  instance:
    description:
      - >-
        A whole name, or the first part of exactly one, up to a dot.
    type: str
    required: true
  run_dir:
    description:
      - >-
        Ganeti's run directory; all other paths are below it. Default:
        $KVM_HOTPLUG_RUN_DIR, else /var/run/ganeti.
    type: str
  qmp:
    description:
      - >-
        Use this QMP socket.
    type: str
  state_file:
    description:
      - >-
        Use this runtime file.
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
      - >-
        Append the trace, and one line for each change, as JSON lines.
    type: str
  executable:
    description:
      - >-
        The path of kvm-hotplug on the node.
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
  - >-
    Runs as root on the node of the VM.
  - >-
    The options come from C(kvm-hotplug schema): C(kvm-hotplug help) says
    more.
"""

EXAMPLES = r"""
---
- name: Put in order what a killed command has left
  kvm_hotplug.node.repair:
    instance: vm1.example.com
"""

RETURN = r"""
---
status:
  description:
    - The exit status of kvm-hotplug.
    - "C(3): refused before anything was changed; C(4): the VM did not answer."
    - "C(5): failed and undone."
    - "C(6): the guest has not released the device yet: try again later."
    - "C(7): something is left over: use the module repair."
  returned: if kvm-hotplug was run
  type: int
  sample: 0
document:
  description:
    - The JSON document of the last command, as C(kvm-hotplug schema) describes it.
    - For a failure, I(error) has its code, message and hint.
  returned: if kvm-hotplug was run
  type: dict
device:
  description:
    - The device that was added, changed or removed.
  returned: if there is one
  type: dict
commands:
  description:
    - The command lines that were run, as lists of words.
  returned: if kvm-hotplug was run
  type: list
  elements: list
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kvm_hotplug.node.plugins.module_utils.devices import repair
from ansible_collections.kvm_hotplug.node.plugins.module_utils.tool import Tool

# The `schema` of the documents that are understood.
SCHEMA = 1

ARGUMENTS = {
    "instance": {
        "type": "str",
        "required": True,
    },
    "run_dir": {
        "type": "str",
    },
    "qmp": {
        "type": "str",
    },
    "state_file": {
        "type": "str",
    },
    "timeout": {
        "type": "float",
    },
    "unplug_timeout": {
        "type": "float",
    },
    "lock_timeout": {
        "type": "float",
    },
    "log": {
        "type": "str",
    },
    "executable": {
        "type": "path",
    },
}

# By the long options of each command: the options of this module.
COMMANDS = {
    "repair": {
    },
}

# The same, of every command.
COMMON = {
    "run-dir": "run_dir",
    "qmp": "qmp",
    "state": "state_file",
    "timeout": "timeout",
    "unplug-timeout": "unplug_timeout",
    "lock-timeout": "lock_timeout",
    "log": "log",
}


def main():
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
    )
    repair(Tool(module, SCHEMA, COMMANDS, COMMON))


if __name__ == "__main__":
    main()
