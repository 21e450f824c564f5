/**
 * Plans to give a guest more memory. Pure.
 *
 * @module
 */

import type { Plan } from "../engine/plan.ts";
import { refuse, type Remark, remark } from "../errors.ts";
import { deviceStep, planAddition, slotFacts } from "../plan/addition.ts";
import { noteWords, presentRemark, putWords } from "../plan/command_words.ts";
import type { Facts } from "../plan/facts.ts";
import type { Row } from "../plan/kind.ts";
import {
  refuseImpossible,
  refuseMachine,
  refuseTakenId,
} from "../plan/requirements.ts";
import { command, qmpStep } from "../plan/steps.ts";
import { formatSize, typedSize } from "../words/text.ts";
import { type LiveMemory, memoryOf, totalBytes } from "./live.ts";
import { MEMORY } from "./name.ts";
import { pciPlace } from "./pci_place.ts";
import { chooseAddr, chooseDimmSlot, freeBytes, freshId } from "./place.ts";
import {
  backendArguments,
  memdevOf,
  memoryArguments,
  memoryWords,
  type NewMemory,
  recordedMemory,
} from "./recorded.ts";
import type { MemoryAdd, MemoryRequest } from "./request.ts";
import { awaitNew, planMemoryResize, resizeRequests } from "./resize.ts";
import { expectMachine, generalRules, placedIn } from "./rules.ts";
import {
  BLOCK_BYTES,
  checkDimmSize,
  checkRequestedSize,
  nearestMultiples,
  notReached,
} from "./size.ts";
import { memoryView } from "./view.ts";

/** What an addition depends on. */
export interface MemoryAddFacts extends Facts {
  /** What programs on this node can still get; undefined if it is unknown. */
  readonly availableBytes: number | undefined;
}

/** What a VM has, for people. */
export function sayMemory(bytes: number): string {
  return `${typedSize(bytes)} of memory`;
}

/** All that the guest has. @throws {HotplugError} `unsupported` */
export function memoryNow(facts: Facts): number {
  return totalBytes(expectMachine(facts), memoryOf(facts.qemu).devices);
}

/** The virtio-mem device that grows and shrinks, if there is one. */
export function virtioMemOf({ qemu }: Pick<Facts, "qemu">) {
  return memoryOf(qemu).devices.find((one) =>
    one.driver === "virtio-mem-pci" && one.id !== undefined
  );
}

/** @throws {HotplugError} status 3 if no memory can be added */
export function refuseNoAddition(
  facts: Facts,
  kind: "memory-add" | "memory-set",
): void {
  refuseImpossible(facts, MEMORY.needs[kind]);
  for (const rule of generalRules(facts)) rule.refuse();
}

function takenIds({ qemu, recorded, content }: Facts): ReadonlySet<string> {
  return new Set([
    ...qemu.deviceIds,
    ...memoryOf(qemu).backends,
    ...recorded.flatMap(({ hvinfo: { id } }) => id ?? []),
    ...recordedMemory(content.runtime).map(({ memdev }) => memdev),
  ]);
}

/** Guests make no finer steps, and it is QEMU's usual size: virtio-mem.c. */
const STEP_BYTES = 2 * 1024 * 1024;

function newDimm(facts: Facts, spanBytes: number): NewMemory {
  checkDimmSize(spanBytes);
  const machine = expectMachine(facts);
  const placed = placedIn(facts);
  const slot = chooseDimmSlot(machine, placed);
  const addr = chooseAddr(machine, placed, spanBytes);
  const id = freshId("dimm", takenIds(facts));
  return { driver: "pc-dimm", id, memdev: memdevOf(id), addr, spanBytes, slot };
}

function newVirtioMem(
  facts: Facts,
  { sizeBytes, maxBytes }: MemoryAdd,
): NewMemory {
  refuseMachine(facts);
  const machine = expectMachine(facts);
  const placed = placedIn(facts);
  const free = freeBytes(machine, placed);
  const most = Math.floor(free / BLOCK_BYTES) * BLOCK_BYTES;
  const spanBytes = maxBytes ?? Math.max(most, BLOCK_BYTES);
  const id = freshId("vmem", takenIds(facts));
  if (spanBytes % BLOCK_BYTES !== 0) {
    throw refuse(
      `--max must be a multiple of ${typedSize(BLOCK_BYTES)}: it is ${
        typedSize(spanBytes)
      }`,
    );
  }
  const addr = chooseAddr(machine, placed, spanBytes);
  const steps = { blockBytes: STEP_BYTES, maxBytes: spanBytes };
  checkRequestedSize(id, sizeBytes, steps);
  return {
    ...{ driver: "virtio-mem-pci", id, memdev: memdevOf(id), addr, spanBytes },
    ...{ blockBytes: STEP_BYTES, requestedBytes: sizeBytes },
    place: pciPlace(slotFacts(facts)),
  };
}

const ONLINE =
  "for m in /sys/devices/system/memory/memory*/state; do grep -q offline $m && echo online_movable > $m; done";

/** What a person should know of this node. */
export function hostRemark(
  { availableBytes: left }: Pick<MemoryAddFacts, "availableBytes">,
  moreBytes: number,
): Remark | undefined {
  if (left === undefined || moreBytes <= left) return undefined;
  return remark(
    "host-short-of-memory",
    `the guest is given ${typedSize(moreBytes)} more, but this node has only ${
      formatSize(left)
    } available`,
    { hint: "if the guest uses the memory, the kernel may kill programs" },
  );
}

function planNew(
  facts: MemoryAddFacts,
  memory: NewMemory,
  sizeBytes: number,
): Plan {
  const { id, memdev, driver } = memory;
  refuseTakenId(facts, id);
  const words = memoryWords(memory);
  const { kvmCmd } = facts.content.runtime;
  const made = recordedMemory({ kvmCmd: [...kvmCmd, ...words] })
    .find(({ hvinfo }) => hvinfo.id === id);
  if (made === undefined) throw new TypeError(`no memory in ${words}`);
  const view = memoryView(made, facts);
  const isDimm = driver === "pc-dimm";
  return planAddition(facts, {
    kind: MEMORY,
    change: putWords(id, words),
    view: { ...view, plugged_bytes: isDimm ? sizeBytes : null },
    before: [
      qmpStep(
        "object-add",
        backendArguments(memory),
        command("object-del", { id: memdev }),
      ),
    ],
    plug: deviceStep(memoryArguments(memory)),
    // Before that, a kill would leave a note of a device that never was there.
    after: [
      noteWords(facts, MEMORY, { id, words }),
      ...(isDimm ? [] : [awaitNew(facts, id, sizeBytes)]),
    ],
    warnings: [hostRemark(facts, sizeBytes)],
    done: [presentRemark(view, ONLINE)],
  });
}

/** More of the virtio-mem device that there is. */
function planMore(
  { sizeBytes, maxBytes }: MemoryAdd,
  facts: MemoryAddFacts,
  live: LiveMemory & { readonly id: string },
): Plan {
  const { id, requestedBytes, spanBytes, blockBytes = 1 } = live;
  if (maxBytes !== undefined && maxBytes !== spanBytes) {
    throw refuse(
      `The VM already has virtio-mem device ${id}, which can have ${
        typedSize(spanBytes)
      } at most`,
      "omit --max to give the guest more of it",
    );
  }
  if (sizeBytes % blockBytes !== 0) {
    const nearest = nearestMultiples(sizeBytes, blockBytes);
    throw notReached(`The addition to ${id}`, sizeBytes, nearest);
  }
  const [first] = resizeRequests(facts, live, requestedBytes + sizeBytes);
  if (first?.kind !== "memory-resize") throw new TypeError("no resize");
  const plan = planMemoryResize(first, facts);
  const short = hostRemark(facts, sizeBytes);
  return {
    ...plan,
    warnings: short ? [short, ...plan.warnings] : plan.warnings,
    ...(plan.device && { done: [presentRemark(plan.device, ONLINE)] }),
  };
}

/**
 * Plans `memory add`.
 *
 * @throws {HotplugError} status 3
 */
export function planMemoryAdd(
  request: MemoryAdd,
  facts: MemoryAddFacts,
): Plan | Row<MemoryRequest> {
  refuseNoAddition(facts, "memory-add");
  const live = virtioMemOf(facts);
  const { way = live === undefined ? "dimm" : "virtio-mem" } = request;
  if (way === "dimm") {
    const { sizeBytes } = request;
    return planNew(facts, newDimm(facts, sizeBytes), sizeBytes);
  }
  if (live?.id === undefined) {
    return planNew(facts, newVirtioMem(facts, request), request.sizeBytes);
  }
  return planMore(request, facts, { ...live, id: live.id });
}
