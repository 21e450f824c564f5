#!/usr/bin/python
# Copyright: (c) kvm-hotplug contributors
# MIT License (see LICENSE of kvm-hotplug)
# Made by `deno task ansible`: do not edit.

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: memory
short_description: Memory of a running VM
version_added: 0.1.0
author:
  - The authors of kvm-hotplug (@kvm-hotplug)
description:
  - Brings the memory of a running VM to a size, or removes a memory device.
  - >-
    With I(kind) or I(max), memory that is missing is added as one device of
    this kind.
extends_documentation_fragment:
  - kvm_hotplug.node.common
options:
  instance:
    description:
      - A whole name, or the first part of exactly one, up to a dot.
    type: str
    required: true
  size:
    description:
      - >-
        Bytes, or a number with k, M, G or T: powers of 1024.
      - Of C(memory set), C(memory add).
    type: bytes
  kind:
    description:
      - >-
        Kind of the memory device: dimm or virtio-mem. Default: the
        virtio-mem device if there is one, else a new DIMM.
      - Of C(memory add).
    type: str
    choices:
      - "dimm"
      - "virtio-mem"
  max:
    description:
      - >-
        The most that a new virtio-mem device can be given later. Default:
        all that maxmem leaves.
      - Of C(memory add).
    type: bytes
  memory:
    description:
      - >-
        An index (-1: the last) or a device id, such as dimm-0.
      - Of C(memory remove).
    type: str
  force:
    description:
      - Remove the memory even if the runtime file does not record it.
      - Of C(memory remove).
    type: bool
  state:
    description:
      - >-
        C(present): the VM has I(size) of memory, in all.
      - >-
        C(absent): the VM does not have the memory device I(memory).
    type: str
    choices:
      - "present"
      - "absent"
    default: present
"""

EXAMPLES = r"""
---
- name: Bring the guest to 4 GiB
  kvm_hotplug.node.memory:
    instance: vm1.example.com
    size: 4G
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
from ansible_collections.kvm_hotplug.node.plugins.module_utils.arguments import COMMON
from ansible_collections.kvm_hotplug.node.plugins.module_utils.devices import memory
from ansible_collections.kvm_hotplug.node.plugins.module_utils.tool import Tool

ARGUMENTS = {
    "instance": {"type": "str", "required": True},
    "size": {"type": "bytes"},
    "kind": {"type": "str", "choices": ["dimm", "virtio-mem"]},
    "max": {"type": "bytes"},
    "memory": {"type": "str"},
    "force": {"type": "bool"},
    "state": {
        "type": "str",
        "choices": ["present", "absent"],
        "default": "present",
    },
}

# The long options of each command.
COMMANDS = {
    "memory set": [],
    "memory add": ["kind", "max"],
    "memory remove": ["force"],
}


def main():
    module = AnsibleModule(
        argument_spec=dict(COMMON, **ARGUMENTS),
        supports_check_mode=True,
        required_if=[
            ["state", "present", ["size"]], ["state", "absent", ["memory"]],
        ],
    )
    memory(Tool(module, COMMANDS))


if __name__ == "__main__":
    main()
