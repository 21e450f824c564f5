#!/usr/bin/python
# Copyright: (c) kvm-hotplug contributors
# MIT License (see LICENSE of kvm-hotplug)
# Made by `deno task ansible`: do not edit.

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: nic
short_description: Network cards of a running VM
version_added: 0.1.0
author:
  - The authors of kvm-hotplug (@kvm-hotplug)
description:
  - Adds a network card to a running VM, changes it, or removes it.
  - >-
    A card is recognized by I(uuid), I(mac) or I(name): one of them must be
    given, or I(nic), which selects an existing card.
  - >-
    If the card exists, it is changed to what the task says. Options that
    cannot be changed, such as I(slot), are an error if they differ.
extends_documentation_fragment:
  - kvm_hotplug.node.common
options:
  instance:
    description:
      - A whole name, or the first part of exactly one, up to a dot.
    type: str
    required: true
  uuid:
    description:
      - >-
        The device's uuid. Default: a random one.
      - Of C(nic add).
    type: str
  name:
    description:
      - Name stored with the device.
      - Of C(nic add), C(nic modify).
    type: str
  slot:
    description:
      - >-
        PCI slot, 0 to 31, or a port's number; for a SCSI disk, the target
        number. Default: the first free one.
      - Of C(nic add).
    type: int
  bus:
    description:
      - >-
        PCI or SCSI bus, or a PCIe port. Default: pci.0, scsi.0; on q35 a
        free port.
      - Of C(nic add).
    type: str
  id_scheme:
    description:
      - >-
        Form of the device id: design or ganeti. Default: the form of the
        devices already recorded.
      - Of C(nic add).
    type: str
    choices:
      - "design"
      - "ganeti"
  link_state:
    description:
      - >-
        Carrier that the guest sees: up or down. Default: up.
      - Of C(nic add), C(nic modify).
    type: str
    choices:
      - "up"
      - "down"
  mac:
    description:
      - >-
        MAC address. Default: random, with prefix aa:00:00.
      - Of C(nic add), C(nic modify).
    type: str
  mode:
    description:
      - >-
        None, bridged, routed or openvswitch; none: tap only. Default:
        bridged; without I(link): none.
      - Of C(nic add), C(nic modify).
    type: str
    choices:
      - "none"
      - "bridged"
      - "routed"
      - "openvswitch"
  link:
    description:
      - >-
        Bridge, switch or routing table.
      - Of C(nic add), C(nic modify).
    type: str
  vlan:
    description:
      - >-
        VLAN: 100, 100:200 or :100:200.
      - Of C(nic add), C(nic modify).
    type: str
  ip:
    description:
      - >-
        The guest's IP address, for mode routed.
      - Of C(nic add), C(nic modify).
    type: str
  network:
    description:
      - >-
        Ganeti network: its name or uuid (if a NIC of this node is in it),
        or its description as JSON.
      - Of C(nic add), C(nic modify).
    type: raw
  driver:
    description:
      - >-
        Virtio-net-pci (Ganeti: paravirtual), e1000, rtl8139, ne2k_pci,
        pcnet, i82551, …. Default: hvparam nic_type.
      - Of C(nic add), C(nic modify).
    type: str
  queues:
    description:
      - >-
        Queue pairs, 1 to 32. Default: the hvparams.
      - Of C(nic add), C(nic modify).
    type: int
  mtu:
    description:
      - >-
        MTU of the tap, 68 to 65521; a virtio NIC tells it to the guest,
        too. Default: the MTU of the bridge; the guest is not told.
      - Of C(nic add), C(nic modify).
    type: str
  rate:
    description:
      - >-
        Bytes per second in each direction, with k M G T; 0: no limit.
        Default: no limit.
      - Of C(nic add), C(nic modify).
    type: bytes
  rate_in:
    description:
      - >-
        Bytes per second towards the guest. Default: as I(rate).
      - Of C(nic add), C(nic modify).
    type: bytes
  rate_out:
    description:
      - >-
        Bytes per second from the guest. Default: as I(rate).
      - Of C(nic add), C(nic modify).
    type: bytes
  vhost:
    description:
      - >-
        Use the kernel's accelerator (I(no_vhost): do not use it). Default:
        hvparam vhost_net.
      - Of C(nic add), C(nic modify).
    type: bool
  no_vnet_hdr:
    description:
      - No virtio-net headers on the tap.
      - Of C(nic add), C(nic modify).
    type: bool
  tap:
    description:
      - >-
        Name of the new tap. Default: the kernel's choice.
      - Of C(nic add), C(nic modify).
    type: str
  script:
    description:
      - >-
        Network script, called in the same way as Ganeti's scripts. Default:
        Ganeti's script if installed, else built-in (iproute2).
      - Of C(nic add), C(nic modify).
    type: str
  not_migratable:
    description:
      - >-
        Accept a NIC that Ganeti's start would fail with (mode none).
      - Of C(nic add), C(nic modify).
    type: bool
  nic:
    description:
      - >-
        An index (-1: the last), a uuid or at least 8 characters of it, a
        device id, a name or a MAC address.
      - Of C(nic modify), C(nic remove).
    type: str
  force:
    description:
      - Remove the NIC even if the runtime file does not record it.
      - Of C(nic remove).
    type: bool
  state:
    description:
      - >-
        C(present): the VM has the card, with the settings that are given.
      - >-
        C(absent): the VM does not have the card; a card that it does not
        have is absent already.
    type: str
    choices:
      - "present"
      - "absent"
    default: present
"""

EXAMPLES = r"""
---
- name: Add a card, or move it to another bridge
  kvm_hotplug.node.nic:
    instance: vm1.example.com
    mac: aa:00:00:12:34:56
    link: br1

- name: Unplug the cable
  kvm_hotplug.node.nic:
    instance: vm1.example.com
    nic: aa:00:00:12:34:56
    link_state: down
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
from ansible_collections.kvm_hotplug.node.plugins.module_utils.devices import nic
from ansible_collections.kvm_hotplug.node.plugins.module_utils.tool import Tool

ARGUMENTS = {
    "instance": {"type": "str", "required": True},
    "uuid": {"type": "str"},
    "name": {"type": "str"},
    "slot": {"type": "int"},
    "bus": {"type": "str"},
    "id_scheme": {"type": "str", "choices": ["design", "ganeti"]},
    "link_state": {"type": "str", "choices": ["up", "down"]},
    "mac": {"type": "str"},
    "mode": {
        "type": "str",
        "choices": ["none", "bridged", "routed", "openvswitch"],
    },
    "link": {"type": "str"},
    "vlan": {"type": "str"},
    "ip": {"type": "str"},
    "network": {"type": "raw"},
    "driver": {"type": "str"},
    "queues": {"type": "int"},
    "mtu": {"type": "str"},
    "rate": {"type": "bytes"},
    "rate_in": {"type": "bytes"},
    "rate_out": {"type": "bytes"},
    "vhost": {"type": "bool"},
    "no_vnet_hdr": {"type": "bool"},
    "tap": {"type": "str"},
    "script": {"type": "str"},
    "not_migratable": {"type": "bool"},
    "nic": {"type": "str"},
    "force": {"type": "bool"},
    "state": {
        "type": "str",
        "choices": ["present", "absent"],
        "default": "present",
    },
}

# The long options of each command.
COMMANDS = {
    "nic add": [
        "uuid", "name", "slot", "bus", "id-scheme", "link-state", "mac",
        "mode", "link", "vlan", "ip", "network", "driver", "queues", "mtu",
        "rate", "rate-in", "rate-out", "vhost", "no-vhost", "no-vnet-hdr",
        "tap", "script", "not-migratable",
    ],
    "nic modify": [
        "name", "link-state", "mac", "mode", "link", "vlan", "ip",
        "network", "driver", "queues", "mtu", "rate", "rate-in", "rate-out",
        "vhost", "no-vhost", "no-vnet-hdr", "tap", "script",
        "not-migratable",
    ],
    "nic remove": ["force"],
}


def main():
    module = AnsibleModule(
        argument_spec=dict(COMMON, **ARGUMENTS),
        supports_check_mode=True,
        required_one_of=[["nic", "uuid", "mac", "name"]],
    )
    nic(Tool(module, COMMANDS))


if __name__ == "__main__":
    main()
