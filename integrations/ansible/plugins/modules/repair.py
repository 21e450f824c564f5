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
  - Fails with status 7 if something remains.
extends_documentation_fragment:
  - kvm_hotplug.node.common
options:
  instance:
    description:
      - A whole name, or the first part of exactly one, up to a dot.
    type: str
    required: true
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
from ansible_collections.kvm_hotplug.node.plugins.module_utils.arguments import COMMON
from ansible_collections.kvm_hotplug.node.plugins.module_utils.devices import repair
from ansible_collections.kvm_hotplug.node.plugins.module_utils.tool import Tool

ARGUMENTS = {"instance": {"type": "str", "required": True}}

# The long options of each command.
COMMANDS = {"repair": []}


def main():
    module = AnsibleModule(
        argument_spec=dict(COMMON, **ARGUMENTS),
        supports_check_mode=True,
    )
    repair(Tool(module, COMMANDS))


if __name__ == "__main__":
    main()
