/**
 * The words of `memory set`, `memory add` and `memory remove`.
 *
 * @module
 */

import { usage } from "../errors.ts";
import type { KindName } from "../plan/kind.ts";
import {
  amountOption,
  type CommandSpec,
  commandSpec,
  DRY_RUN,
  type Invocation,
  spec,
} from "../words/options.ts";
import { amount, choice, deviceWord } from "../words/request_words.ts";
import { sizeBytes } from "../words/values.ts";
import { MEMORY_ASKS } from "./live.ts";
import { recordedMemory } from "./recorded.ts";
import { MEMORY_KINDS, type MemoryAdd, type MemoryRequest } from "./request.ts";

/** What memory is called, and where it is recorded. */
export const MEMORY_NAME = {
  word: "memory",
  title: "memory",
  recorded: recordedMemory,
  asks: MEMORY_ASKS,
} as const satisfies KindName;

/** More than any QEMU takes, in bytes. */
const MAX_BYTES = 2 ** 50;

const MAX = amountOption(
  { unit: "bytes", min: 1, max: MAX_BYTES },
  "max SIZE",
  "the most that a new virtio-mem device can be given later",
  "all that maxmem leaves",
);

/** The commands of memory, in the order of the usage text. */
export const MEMORY_COMMANDS: readonly CommandSpec[] = [
  commandSpec("memory add INSTANCE SIZE", {
    summary: "give a running VM more memory",
    options: [
      {
        ...spec(
          "kind K",
          `kind of the memory device: ${MEMORY_KINDS.join(" or ")}`,
          "the virtio-mem device if there is one, else a new DIMM",
        ),
        choices: MEMORY_KINDS,
      },
      MAX,
      DRY_RUN,
    ],
    otherNames: ["attach-device", "mem", "dimm", "virtio-mem"],
    examples: `
# add a DIMM; the guest may have to bring it online
kvm-hotplug memory add vm1.example.com 1G
# show how a device that grows and shrinks would be added; change nothing
kvm-hotplug memory add vm1.example.com 1G --kind virtio-mem --max 8G --dry-run`,
  }),
  commandSpec("memory remove INSTANCE MEMORY", {
    summary: "remove a DIMM or a virtio-mem device from a running VM",
    options: [
      DRY_RUN,
      spec(
        "force",
        "remove the memory even if the runtime file does not record it",
      ),
    ],
    otherNames: ["detach-device", "mem", "dimm", "virtio-mem"],
    examples: `
# select by index; the guest must put the memory offline
kvm-hotplug memory remove vm1.example.com 0
# select by device id: status 0 even if the memory was already removed
kvm-hotplug memory remove vm1.example.com dimm-1`,
  }),
  commandSpec("memory set INSTANCE SIZE", {
    summary: "bring the memory of a running VM to this size",
    options: [DRY_RUN],
    otherNames: [
      "setmem",
      "balloon",
      "update-memory-device",
      "mem",
      "dimm",
      "virtio-mem",
    ],
    examples: `
# bring the guest to 4 GiB: add or remove as much as it takes
kvm-hotplug memory set vm1.example.com 4G
# show each change; change nothing
kvm-hotplug memory set vm1.example.com 8G --dry-run`,
  }),
];

function size(text: string): number {
  return sizeBytes({ min: 1, max: MAX_BYTES })({ option: "SIZE", text });
}

function memoryAdd(invocation: Invocation, instance: string): MemoryAdd {
  const way = choice(invocation, "kind", MEMORY_KINDS);
  const maxBytes = amount(invocation, MAX);
  if (maxBytes !== undefined && way !== "virtio-mem") {
    throw usage(
      "Option --max is only for --kind virtio-mem: a DIMM has one size",
    );
  }
  return {
    ...{ kind: "memory-add", instance },
    sizeBytes: size(invocation.operands[1] ?? ""),
    ...{ way, maxBytes },
  };
}

/**
 * The request that a command of memory makes; undefined if it is none of them.
 *
 * @throws {HotplugError} `usage`
 */
export function memoryRequest(
  invocation: Invocation,
  instance: string,
): MemoryRequest | undefined {
  const second = invocation.operands[1] ?? "";
  switch (invocation.command?.name) {
    case "memory add":
      return memoryAdd(invocation, instance);
    case "memory remove":
      return {
        kind: "memory-remove",
        instance,
        device: deviceWord(second),
        ...(invocation.flags.has("force") ? { unrecorded: "forced" } : {}),
      };
    case "memory set":
      return { kind: "memory-set", instance, sizeBytes: size(second) };
  }
  return undefined;
}
