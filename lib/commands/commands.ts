/**
 * The one table of commands: the parser, the usage texts and what else speaks
 * of commands and options are made from it.
 *
 * @module
 */

import { DISK_CHANGE_COMMANDS, LIMIT_OPTIONS } from "../cli/commands_disk.ts";
import { NIC_ADD, NIC_MODIFY } from "../cli/commands_nic.ts";
import { STATE_COMMANDS } from "../cli/commands_state.ts";
import { TOOL_COMMANDS } from "../cli/commands_tools.ts";
import { DRY_RUN, type OptionSpec, PLUG_OPTIONS } from "../words/options.ts";

/** One command. */
export interface CommandSpec {
  /** Its words, e.g. `disk add`. */
  readonly name: string;
  /** Operands; one in brackets may be left out. */
  readonly operands: readonly string[];
  /** One line of the usage text: lower case, no full stop. */
  readonly summary: string;
  /** Its own; every command also takes {@linkcode GLOBAL_OPTIONS}. */
  readonly options: readonly OptionSpec[];
  /** `stream`: writes until it ends; no method of `rpc`. @default an answer */
  readonly output?: "stream";
}

const DISK_ADD: CommandSpec = {
  name: "disk add",
  operands: ["INSTANCE", "SOURCE"],
  summary:
    "plug a file, device or storage URI, or none: an empty scsi-cd drive",
  options: [
    ...PLUG_OPTIONS,
    {
      name: "driver",
      value: "D",
      help:
        "virtio-blk-pci (Ganeti: paravirtual), scsi-hd, scsi-cd, scsi-block, scsi-generic or nvme",
      choices: [
        "virtio-blk-pci",
        "paravirtual",
        "scsi-hd",
        "scsi-cd",
        "scsi-block",
        "scsi-generic",
        "nvme",
      ],
      default: "hvparam disk_type",
    },
    {
      name: "format",
      value: "F",
      help: "raw or qcow2; never probed",
      choices: ["raw", "qcow2"],
      default: "raw",
    },
    {
      name: "allow-backing",
      value: "DIR",
      help: "a further folder backing files of a qcow2 image may lie in",
      default: "the image's own",
    },
    {
      name: "cache",
      value: "C",
      help: "default, none, writeback or writethrough",
      choices: ["default", "none", "writeback", "writethrough"],
      default: "hvparam disk_cache",
    },
    {
      name: "aio",
      value: "A",
      help: "threads, native or io_uring",
      choices: ["threads", "native", "io_uring"],
      default: "hvparam disk_aio",
    },
    {
      name: "discard",
      value: "D",
      help: "ignore or unmap",
      choices: ["ignore", "unmap"],
      default: "hvparam disk_discard",
    },
    { name: "read-only", help: "the guest may not write" },
    {
      name: "queues",
      value: "N",
      help: "virtio-blk queues, 1 to 1024",
      default: "QEMU's choice",
    },
    { name: "iothread", value: "ID", help: "an iothread the instance has" },
    {
      name: "controller",
      value: "C",
      help: "what a first SCSI disk comes with where the VM has no controller",
      choices: ["lsi", "virtio-scsi-pci", "megasas", "dc390"],
      default: "hvparam scsi_controller_type",
    },
    ...LIMIT_OPTIONS,
    {
      name: "not-migratable",
      help: "allow settings that a start from the runtime file cannot repeat",
    },
    {
      name: "via",
      value: "V",
      help:
        "how QEMU gets at the disk: fdset, path, chown, mknod or (with a URI) uri",
      choices: ["fdset", "path", "chown", "mknod", "uri"],
      default: "fdset, else path",
    },
  ],
};

/** All commands, in the order of the usage text. */
export const COMMANDS: readonly CommandSpec[] = [
  DISK_ADD,
  {
    name: "disk remove",
    operands: ["INSTANCE", "DISK"],
    summary: "take a disk out of a running VM",
    options: [
      DRY_RUN,
      {
        name: "force",
        help:
          "even the disk the VM was started from, or one the file does not record",
      },
    ],
  },
  ...DISK_CHANGE_COMMANDS,
  NIC_ADD,
  {
    name: "nic remove",
    operands: ["INSTANCE", "NIC"],
    summary: "take a network card out of a running VM",
    options: [
      DRY_RUN,
      { name: "force", help: "even one the runtime file does not record" },
    ],
  },
  NIC_MODIFY,
  {
    name: "adopt",
    operands: ["INSTANCE"],
    summary: "record devices that QEMU has and the runtime file lacks",
    options: [DRY_RUN],
  },
  {
    name: "list",
    operands: ["[INSTANCE]"],
    summary: "instances of this node, or devices of one",
    options: [],
  },
  {
    name: "check",
    operands: ["INSTANCE|SOCKET"],
    summary: "can devices be hotplugged, and if not, why",
    options: [],
  },
  {
    name: "pci",
    operands: ["INSTANCE|SOCKET"],
    summary: "map of buses and slots",
    options: [],
  },
  {
    name: "repair",
    operands: ["INSTANCE"],
    summary: "finish or undo what was interrupted; report drift",
    options: [DRY_RUN],
  },
  ...STATE_COMMANDS,
  ...TOOL_COMMANDS,
];
