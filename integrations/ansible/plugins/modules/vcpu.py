#!/usr/bin/python
# Copyright: (c) kvm-hotplug contributors
# MIT License (see LICENSE of kvm-hotplug)
# Made by `deno task ansible`: do not edit.

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: vcpu
short_description: Processors of a running VM
version_added: 0.1.0
author:
  - The authors of kvm-hotplug (@kvm-hotplug)
description:
  - Brings a running VM to a number of processors, or removes one of them.
extends_documentation_fragment:
  - kvm_hotplug.node.common
options:
  instance:
    description:
      - A whole name, or the first part of exactly one, up to a dot.
    type: str
    required: true
  count:
    description:
      - How many, at least 1.
      - Of C(vcpu set).
    type: int
  vcpu:
    description:
      - A device id, such as vcpu-1; if it is omitted, the highest one.
      - Of C(vcpu remove).
    type: str
  force:
    description:
      - Remove the processor even if the runtime file does not record it.
      - Of C(vcpu remove).
    type: bool
  state:
    description:
      - >-
        C(present): the VM has I(count) processors.
      - >-
        C(absent): the VM does not have the processor I(vcpu).
    type: str
    choices:
      - "present"
      - "absent"
    default: present
"""

EXAMPLES = r"""
---
- name: Bring the VM to four processors
  kvm_hotplug.node.vcpu:
    instance: vm1.example.com
    count: 4
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
from ansible_collections.kvm_hotplug.node.plugins.module_utils.devices import vcpu
from ansible_collections.kvm_hotplug.node.plugins.module_utils.tool import Tool

ARGUMENTS = {
    "instance": {"type": "str", "required": True},
    "count": {"type": "int"},
    "vcpu": {"type": "str"},
    "force": {"type": "bool"},
    "state": {
        "type": "str",
        "choices": ["present", "absent"],
        "default": "present",
    },
}

# The long options of each command.
COMMANDS = {"vcpu set": [], "vcpu remove": ["force"]}


def main():
    module = AnsibleModule(
        argument_spec=dict(COMMON, **ARGUMENTS),
        supports_check_mode=True,
        required_if=[
            ["state", "present", ["count"]], ["state", "absent", ["vcpu"]],
        ],
    )
    vcpu(Tool(module, COMMANDS))


if __name__ == "__main__":
    main()
