#!/usr/bin/python
# Copyright: (c) kvm-hotplug contributors
# MIT License (see LICENSE of kvm-hotplug)
# Made by `deno task ansible`: do not edit.

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: info
short_description: Instances of a node and their devices
version_added: 0.1.0
author:
  - The authors of kvm-hotplug (@kvm-hotplug)
description:
  - >-
    Shows the instances of a node, or the devices of one, with what differs
    between runtime file, QEMU and node.
  - Changes nothing.
extends_documentation_fragment:
  - kvm_hotplug.node.common
options:
  instance:
    description:
      - A whole name, or the first part of exactly one, up to a dot.
    type: str
  whole:
    description:
      - Compare everything, as list INSTANCE does.
    type: bool
"""

EXAMPLES = r"""
---
- name: Ask for all instances of the node
  kvm_hotplug.node.info:
  register: node

- name: Refuse to go on if one needs attention
  ansible.builtin.assert:
    that: node.instances | map(attribute='attention') | flatten | length == 0
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
instances:
  description:
    - The instances, or the one that was asked for with its devices.
  returned: success
  type: list
  elements: dict
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kvm_hotplug.node.plugins.module_utils.arguments import COMMON
from ansible_collections.kvm_hotplug.node.plugins.module_utils.devices import info
from ansible_collections.kvm_hotplug.node.plugins.module_utils.tool import Tool

ARGUMENTS = {"instance": {"type": "str"}, "whole": {"type": "bool"}}

# The long options of each command.
COMMANDS = {"list": ["whole"]}


def main():
    module = AnsibleModule(
        argument_spec=dict(COMMON, **ARGUMENTS),
        supports_check_mode=True,
    )
    info(Tool(module, COMMANDS))


if __name__ == "__main__":
    main()
