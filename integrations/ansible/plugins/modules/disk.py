#!/usr/bin/python
# Copyright: (c) kvm-hotplug contributors
# MIT License (see LICENSE of kvm-hotplug)
# Made by `deno task ansible`: do not edit.

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
---
module: disk
short_description: Disks of a running VM
version_added: 0.1.0
author:
  - The authors of kvm-hotplug (@kvm-hotplug)
description:
  - >-
    Adds a disk to a running VM, changes its limits, its size or the medium
    of a CD-ROM drive, or removes it.
  - >-
    With I(source), a disk is added if the VM does not have this source. If
    it has, the limits are changed to those of the task; other options that
    differ are an error.
  - With I(disk), an existing disk is changed.
extends_documentation_fragment:
  - kvm_hotplug.node.common
options:
  instance:
    description:
      - A whole name, or the first part of exactly one, up to a dot.
    type: str
    required: true
  source:
    description:
      - >-
        An absolute path, a URI, or none: a drive without a medium.
      - Of C(disk add).
    type: str
  uuid:
    description:
      - >-
        The device's uuid. Default: a random one.
      - Of C(disk add).
    type: str
  name:
    description:
      - Name stored with the device.
      - Of C(disk add).
    type: str
  slot:
    description:
      - >-
        PCI slot, 0 to 31, or a port's number; for a SCSI disk, the target
        number. Default: the first free one.
      - Of C(disk add).
    type: int
  bus:
    description:
      - >-
        PCI or SCSI bus, or a PCIe port. Default: pci.0, scsi.0; on q35 a
        free port.
      - Of C(disk add).
    type: str
  id_scheme:
    description:
      - >-
        Form of the device id: design or ganeti. Default: the form of the
        devices already recorded.
      - Of C(disk add).
    type: str
    choices:
      - "design"
      - "ganeti"
  driver:
    description:
      - >-
        Virtio-blk-pci (Ganeti: paravirtual), scsi-hd, scsi-block,
        scsi-generic, scsi-cd or nvme. Default: hvparam disk_type.
      - Of C(disk add).
    type: str
    choices:
      - "virtio-blk-pci"
      - "paravirtual"
      - "scsi-hd"
      - "scsi-block"
      - "scsi-generic"
      - "scsi-cd"
      - "nvme"
  format:
    description:
      - >-
        Raw or qcow2; required for a qcow2 file. Default: raw.
      - Of C(disk add).
    type: str
    choices:
      - "raw"
      - "qcow2"
  allow_backing:
    description:
      - >-
        Another folder that may contain backing files of a qcow2 image.
        Default: the image's folder.
      - Of C(disk add).
    type: str
  cache:
    description:
      - >-
        Default, none, writeback or writethrough. Default: hvparam
        disk_cache.
      - Of C(disk add).
    type: str
    choices:
      - "default"
      - "none"
      - "writeback"
      - "writethrough"
  aio:
    description:
      - >-
        Threads, native or io_uring. Default: hvparam disk_aio.
      - Of C(disk add).
    type: str
    choices:
      - "threads"
      - "native"
      - "io_uring"
  discard:
    description:
      - >-
        Ignore or unmap. Default: hvparam disk_discard.
      - Of C(disk add).
    type: str
    choices:
      - "ignore"
      - "unmap"
  read_only:
    description:
      - The guest cannot write to the disk.
      - Of C(disk add).
    type: bool
  serial:
    description:
      - >-
        Serial number, as in the guest's /dev/disk/by-id, at most 20
        characters (uuid: the beginning of the uuid). Default: none.
      - Of C(disk add).
    type: str
  wwn:
    description:
      - >-
        World Wide Name of a SCSI disk: 16 hexadecimal digits. Default:
        none.
      - Of C(disk add).
    type: str
  logical_block_size:
    description:
      - >-
        Bytes of a sector, a power of two from 512 to 32768. Default: the
        size of a block device; 512 for a file.
      - Of C(disk add).
    type: int
  physical_block_size:
    description:
      - >-
        Bytes that the disk writes at once, a power of two, 512 to 32768.
        Default: the size of a block device; 512 for a file.
      - Of C(disk add).
    type: int
  bootindex:
    description:
      - >-
        Place in the firmware's boot order; no other device may have it.
        Default: none.
      - Of C(disk add).
    type: int
  rotation_rate:
    description:
      - >-
        Rotations per minute of a SCSI disk; 1: a solid-state disk. Default:
        not told.
      - Of C(disk add).
    type: int
  werror:
    description:
      - >-
        If writing fails: report (tell the guest), ignore, stop (pause the
        VM) or enospc (stop if no space is left, else report). Default:
        enospc.
      - Of C(disk add).
    type: str
    choices:
      - "enospc"
      - "report"
      - "stop"
      - "ignore"
  rerror:
    description:
      - >-
        If reading fails: report (tell the guest), ignore or stop (pause the
        VM). Default: report.
      - Of C(disk add).
    type: str
    choices:
      - "report"
      - "stop"
      - "ignore"
  queues:
    description:
      - >-
        Virtio-blk queues, 1 to 1024. Default: QEMU's choice.
      - Of C(disk add).
    type: int
  iothread:
    description:
      - >-
        An iothread of the instance. Default: the main loop.
      - Of C(disk add).
    type: str
  controller:
    description:
      - >-
        SCSI controller to add if the VM has none: lsi, virtio-scsi-pci,
        megasas or dc390. Default: hvparam scsi_controller_type.
      - Of C(disk add).
    type: str
    choices:
      - "lsi"
      - "virtio-scsi-pci"
      - "megasas"
      - "dc390"
  iops:
    description:
      - >-
        I/O operations per second; 0: no limit.
      - Of C(disk add), C(disk set).
    type: int
  iops_read:
    description:
      - Read operations per second.
      - Of C(disk add), C(disk set).
    type: int
  iops_write:
    description:
      - Write operations per second.
      - Of C(disk add), C(disk set).
    type: int
  bps:
    description:
      - >-
        Bytes per second, with k M G T; 0: no limit.
      - Of C(disk add), C(disk set).
    type: bytes
  bps_read:
    description:
      - Bytes read per second.
      - Of C(disk add), C(disk set).
    type: bytes
  bps_write:
    description:
      - Bytes written per second.
      - Of C(disk add), C(disk set).
    type: bytes
  iops_max:
    description:
      - The higher limit of a burst, above I(iops).
      - Of C(disk add), C(disk set).
    type: int
  iops_read_max:
    description:
      - The higher limit of a burst, above I(iops_read).
      - Of C(disk add), C(disk set).
    type: int
  iops_write_max:
    description:
      - The higher limit of a burst, above I(iops_write).
      - Of C(disk add), C(disk set).
    type: int
  bps_max:
    description:
      - The higher limit of a burst, above I(bps).
      - Of C(disk add), C(disk set).
    type: bytes
  bps_read_max:
    description:
      - The higher limit of a burst, above I(bps_read).
      - Of C(disk add), C(disk set).
    type: bytes
  bps_write_max:
    description:
      - The higher limit of a burst, above I(bps_write).
      - Of C(disk add), C(disk set).
    type: bytes
  iops_max_length:
    description:
      - >-
        Longest burst at I(iops_max), in whole seconds. Default: 1.
      - Of C(disk add), C(disk set).
    type: int
  iops_read_max_length:
    description:
      - >-
        Longest burst at I(iops_read_max), in whole seconds. Default: 1.
      - Of C(disk add), C(disk set).
    type: int
  iops_write_max_length:
    description:
      - >-
        Longest burst at I(iops_write_max), in whole seconds. Default: 1.
      - Of C(disk add), C(disk set).
    type: int
  bps_max_length:
    description:
      - >-
        Longest burst at I(bps_max), in whole seconds. Default: 1.
      - Of C(disk add), C(disk set).
    type: int
  bps_read_max_length:
    description:
      - >-
        Longest burst at I(bps_read_max), in whole seconds. Default: 1.
      - Of C(disk add), C(disk set).
    type: int
  bps_write_max_length:
    description:
      - >-
        Longest burst at I(bps_write_max), in whole seconds. Default: 1.
      - Of C(disk add), C(disk set).
    type: int
  iops_size:
    description:
      - Bytes of one operation; a larger one counts as several.
      - Of C(disk add), C(disk set).
    type: bytes
  limit_group:
    description:
      - Share these limits with the disks of this group.
      - Of C(disk add), C(disk set).
    type: str
  not_migratable:
    description:
      - >-
        Allow settings that Ganeti cannot restore at the next start or
        migration.
      - Of C(disk add), C(disk set).
    type: bool
  via:
    description:
      - >-
        How QEMU opens the disk: fdset, path, chown, mknod or uri (for a
        URI). Default: fdset, else path.
      - Of C(disk add).
    type: str
    choices:
      - "fdset"
      - "path"
      - "chown"
      - "mknod"
      - "uri"
  disk:
    description:
      - >-
        An index (-1: the last), a uuid or at least 8 characters of it, a
        device id, a name, a path or a URI.
      - Of C(disk set), C(disk resize), C(disk remove).
    type: str
  medium:
    description:
      - >-
        Put this file into a CD or floppy drive (none: remove the medium).
      - Of C(disk set).
    type: str
  force:
    description:
      - Change the medium even if the guest has locked the tray.
      - Of C(disk set), C(disk remove).
    type: bool
  size:
    description:
      - >-
        Bytes, or a number with k, M, G or T: powers of 1024.
      - Of C(disk resize).
    type: bytes
  grow:
    description:
      - Make the file of a raw image longer, to SIZE.
      - Of C(disk resize).
    type: bool
  state:
    description:
      - >-
        C(present): the VM has the disk, with the limits, the size and the
        medium that are given.
      - >-
        C(absent): the VM does not have the disk; a disk that it does not
        have is absent already.
    type: str
    choices:
      - "present"
      - "absent"
    default: present
  resize:
    description:
      - >-
        Tell the guest the present size of the source, for example after
        lvextend.
    type: bool
"""

EXAMPLES = r"""
---
- name: Add a disk with a limit
  kvm_hotplug.node.disk:
    instance: vm1.example.com
    source: /dev/xenvg/data1
    name: data
    iops: 500

- name: Tell the guest that the source has grown
  kvm_hotplug.node.disk:
    instance: vm1.example.com
    disk: data
    resize: true

- name: Wait until the guest has released the disk
  kvm_hotplug.node.disk:
    instance: vm1.example.com
    disk: data
    state: absent
  register: removal
  until: removal.status != 6
  retries: 10
  delay: 30
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
from ansible_collections.kvm_hotplug.node.plugins.module_utils.devices import disk
from ansible_collections.kvm_hotplug.node.plugins.module_utils.tool import Tool

ARGUMENTS = {
    "instance": {"type": "str", "required": True},
    "source": {"type": "str"},
    "uuid": {"type": "str"},
    "name": {"type": "str"},
    "slot": {"type": "int"},
    "bus": {"type": "str"},
    "id_scheme": {"type": "str", "choices": ["design", "ganeti"]},
    "driver": {
        "type": "str",
        "choices": [
            "virtio-blk-pci", "paravirtual", "scsi-hd", "scsi-block",
            "scsi-generic", "scsi-cd", "nvme",
        ],
    },
    "format": {"type": "str", "choices": ["raw", "qcow2"]},
    "allow_backing": {"type": "str"},
    "cache": {
        "type": "str",
        "choices": ["default", "none", "writeback", "writethrough"],
    },
    "aio": {"type": "str", "choices": ["threads", "native", "io_uring"]},
    "discard": {"type": "str", "choices": ["ignore", "unmap"]},
    "read_only": {"type": "bool"},
    "serial": {"type": "str"},
    "wwn": {"type": "str"},
    "logical_block_size": {"type": "int"},
    "physical_block_size": {"type": "int"},
    "bootindex": {"type": "int"},
    "rotation_rate": {"type": "int"},
    "werror": {
        "type": "str",
        "choices": ["enospc", "report", "stop", "ignore"],
    },
    "rerror": {"type": "str", "choices": ["report", "stop", "ignore"]},
    "queues": {"type": "int"},
    "iothread": {"type": "str"},
    "controller": {
        "type": "str",
        "choices": ["lsi", "virtio-scsi-pci", "megasas", "dc390"],
    },
    "iops": {"type": "int"},
    "iops_read": {"type": "int"},
    "iops_write": {"type": "int"},
    "bps": {"type": "bytes"},
    "bps_read": {"type": "bytes"},
    "bps_write": {"type": "bytes"},
    "iops_max": {"type": "int"},
    "iops_read_max": {"type": "int"},
    "iops_write_max": {"type": "int"},
    "bps_max": {"type": "bytes"},
    "bps_read_max": {"type": "bytes"},
    "bps_write_max": {"type": "bytes"},
    "iops_max_length": {"type": "int"},
    "iops_read_max_length": {"type": "int"},
    "iops_write_max_length": {"type": "int"},
    "bps_max_length": {"type": "int"},
    "bps_read_max_length": {"type": "int"},
    "bps_write_max_length": {"type": "int"},
    "iops_size": {"type": "bytes"},
    "limit_group": {"type": "str"},
    "not_migratable": {"type": "bool"},
    "via": {
        "type": "str",
        "choices": ["fdset", "path", "chown", "mknod", "uri"],
    },
    "disk": {"type": "str"},
    "medium": {"type": "str"},
    "force": {"type": "bool"},
    "size": {"type": "bytes"},
    "grow": {"type": "bool"},
    "state": {
        "type": "str",
        "choices": ["present", "absent"],
        "default": "present",
    },
    "resize": {"type": "bool"},
}

# The long options of each command.
COMMANDS = {
    "disk add": [
        "uuid", "name", "slot", "bus", "id-scheme", "driver", "format",
        "allow-backing", "cache", "aio", "discard", "read-only", "serial",
        "wwn", "logical-block-size", "physical-block-size", "bootindex",
        "rotation-rate", "werror", "rerror", "queues", "iothread",
        "controller", "iops", "iops-read", "iops-write", "bps", "bps-read",
        "bps-write", "iops-max", "iops-read-max", "iops-write-max",
        "bps-max", "bps-read-max", "bps-write-max", "iops-max-length",
        "iops-read-max-length", "iops-write-max-length", "bps-max-length",
        "bps-read-max-length", "bps-write-max-length", "iops-size",
        "limit-group", "not-migratable", "via",
    ],
    "disk set": [
        "iops", "iops-read", "iops-write", "bps", "bps-read", "bps-write",
        "iops-max", "iops-read-max", "iops-write-max", "bps-max",
        "bps-read-max", "bps-write-max", "iops-max-length",
        "iops-read-max-length", "iops-write-max-length", "bps-max-length",
        "bps-read-max-length", "bps-write-max-length", "iops-size",
        "limit-group", "medium", "force", "not-migratable",
    ],
    "disk resize": ["grow"],
    "disk remove": ["force"],
}


def main():
    module = AnsibleModule(
        argument_spec=dict(COMMON, **ARGUMENTS),
        supports_check_mode=True,
        required_one_of=[["source", "disk"]],
        mutually_exclusive=[["source", "disk"], ["size", "resize"]],
    )
    disk(Tool(module, COMMANDS))


if __name__ == "__main__":
    main()
