/**
 * The words of `vcpu set`, `vcpu add` and `vcpu remove`.
 *
 * @module
 */

import { usage } from "../errors.ts";
import type { KindName } from "../plan/kind.ts";
import {
  type CommandSpec,
  commandSpec,
  DRY_RUN,
  type Invocation,
  spec,
} from "../words/options.ts";
import { deviceWord } from "../words/request_words.ts";
import { wholeNumber } from "../words/values.ts";
import { VCPU_ASKS } from "./places.ts";
import { recordedVcpus } from "./recorded.ts";
import type { VcpuRequest } from "./request.ts";

/** What processors are called, and where they are recorded. */
export const VCPU_NAME = {
  word: "vcpu",
  title: "vcpu",
  recorded: recordedVcpus,
  asks: VCPU_ASKS,
} as const satisfies KindName;

/** The commands of processors, in the order of the usage text. */
export const VCPU_COMMANDS: readonly CommandSpec[] = [
  commandSpec("vcpu add INSTANCE [COUNT]", {
    summary: "add one or COUNT processors to a running VM",
    options: [DRY_RUN],
    otherNames: ["setvcpu", "cpu-add", "cpu_set", "cpu", "cpus", "vcpus"],
    examples: `
# add one processor; the guest may have to bring it online
kvm-hotplug vcpu add vm1.example.com
# show the places and ids of two processors; change nothing
kvm-hotplug vcpu add vm1.example.com 2 --dry-run`,
  }),
  commandSpec("vcpu remove INSTANCE [VCPU]", {
    summary: "remove a processor from a running VM",
    options: [
      DRY_RUN,
      spec(
        "force",
        "remove the processor even if the runtime file does not record it",
      ),
    ],
    otherNames: ["setvcpu", "cpu_set", "cpu", "cpus", "vcpus"],
    examples: `
# remove the processor in the highest place
kvm-hotplug vcpu remove vm1.example.com
# select by device id: status 0 even if it was already removed
kvm-hotplug vcpu remove vm1.example.com vcpu-3`,
  }),
  commandSpec("vcpu set INSTANCE COUNT", {
    summary: "bring a running VM to this number of processors",
    options: [DRY_RUN],
    otherNames: ["setvcpus", "cpu", "cpus", "vcpus"],
    examples: `
# bring the VM to two processors: add or remove as many as it takes
kvm-hotplug vcpu set vm1.example.com 2
# show each change; change nothing
kvm-hotplug vcpu set vm1.example.com 3 --dry-run`,
  }),
];

/** More than any QEMU takes. */
const MAX_COUNT = 65_535;

function count(text: string): number {
  return wholeNumber({ min: 1, max: MAX_COUNT })({ option: "COUNT", text });
}

/** An id: a number could as well be meant as a count. */
function idWord(text: string): string {
  if (!/^-?\d+$/.test(text)) return deviceWord(text);
  throw usage(
    `VCPU must be a device id such as vcpu-1: it is ${JSON.stringify(text)}`,
    "to bring the VM to a number of processors, use vcpu set",
  );
}

/**
 * The request that a command of processors makes; undefined if it is none of
 * them.
 *
 * @throws {HotplugError} `usage`
 */
export function vcpuRequest(
  { command, operands, flags }: Invocation,
  instance: string,
): VcpuRequest | undefined {
  const [, second] = operands;
  switch (command?.name) {
    case "vcpu add":
      return { kind: "vcpu-add", instance, count: count(second ?? "1") };
    case "vcpu remove":
      return {
        kind: "vcpu-remove",
        instance,
        ...(second === undefined
          ? { which: "highest" }
          : { device: idWord(second) }),
        ...(flags.has("force") ? { unrecorded: "forced" } : {}),
      };
    case "vcpu set":
      return { kind: "vcpu-set", instance, count: count(second ?? "") };
  }
  return undefined;
}
