/**
 * Plans to bring a virtio-mem device to a size: QEMU is told the size, and the
 * guest follows in its own time. Pure.
 *
 * @module
 */

import { type DeviceView, type Plan, planOf } from "../engine/plan.ts";
import { HotplugError, refuse } from "../errors.ts";
import { replaceWords } from "../plan/command_words.ts";
import { chooseChange } from "../plan/removal.ts";
import type { Facts } from "../plan/facts.ts";
import { pausedWarning } from "../plan/paused.ts";
import { refuseImpossible } from "../plan/requirements.ts";
import { command, qmpStep } from "../plan/steps.ts";
import { isLater, strayView } from "../plan/strays.ts";
import { commandLine } from "../state/instance.ts";
import { type LiveMemory, liveMemory } from "./live.ts";
import { MEMORY } from "./name.ts";
import {
  isMemoryWords,
  type RecordedMemory,
  recordedMemory,
  resizedWords,
} from "./recorded.ts";
import type { MemoryAwait, MemoryRequest, MemoryResize } from "./request.ts";
import { checkRequestedSize } from "./size.ts";
import type { MemoryStep } from "./steps.ts";
import { memoryView } from "./view.ts";

/**
 * The requests that bring it to a size. A shrinking guest is waited for, and a
 * guest that was asked before is waited for again.
 */
export function resizeRequests(
  { paths: { name: instance } }: Facts,
  { id = "", pluggedBytes: fromBytes, requestedBytes: before }: LiveMemory,
  requestedBytes: number,
): MemoryRequest[] {
  const about = { instance, device: id, requestedBytes };
  const wait: MemoryAwait = { kind: "memory-await", ...about, fromBytes };
  if (requestedBytes === before) return [wait];
  const resize: MemoryResize = { kind: "memory-resize", ...about };
  return requestedBytes < fromBytes ? [resize, wait] : [resize];
}

/** The step that waits for the guest. */
function awaitStep(
  { qemu: { runState } }: Facts,
  { id, pluggedBytes: from, to }: {
    readonly id: string;
    readonly pluggedBytes: number;
    readonly to: number;
  },
): MemoryStep {
  return { kind: "await-memory", id, from, to, runState };
}

/** The step that waits until the guest has what a new device offers. */
export function awaitNew(facts: Facts, id: string, to: number): MemoryStep {
  return awaitStep(facts, { id, pluggedBytes: 0, to });
}

/** A virtio-mem device, as file and QEMU have it. */
interface Found {
  /** Undefined: Ganeti has recorded it in its own way. */
  readonly entry: RecordedMemory | undefined;
  readonly live: LiveMemory;
}

/** @throws {HotplugError} status 3 */
function expectLive(facts: Facts, device: string): Found {
  const { paths, qemu, content: { runtime } } = facts;
  const live = liveMemory(qemu, device);
  if (live?.driver !== "virtio-mem-pci") {
    throw new HotplugError(
      "no-such-device",
      `QEMU has no virtio-mem device ${device}`,
    );
  }
  const entries = recordedMemory(runtime);
  if (entries.some(({ hvinfo }) => hvinfo.id === device)) {
    const { entry } = chooseChange(facts, entries, {
      ...{ device, verb: "resize", title: MEMORY.title },
    });
    return { entry, live };
  }
  const driver = qemu.drivers.get(device);
  if (isLater(runtime, { id: device, driver })) {
    return { entry: undefined, live };
  }
  throw refuse(
    `Cannot resize memory ${device}: the runtime file does not record it`,
    `to record it, run: ${commandLine(paths, "adopt", paths.name)}`,
  );
}

/** How a caller is told of it. */
function viewOf(facts: Facts, { entry, live }: Found): DeviceView {
  if (entry !== undefined) return memoryView(entry, facts);
  const { id = "", spanBytes } = live;
  const pci = facts.qemu.pci.find((one) => one.id === id);
  const origin = "started";
  const kind = MEMORY.word;
  const stray = {
    id,
    kind,
    has: "device",
    origin,
    ...(pci && { pci }),
  } as const;
  return {
    ...strayView(stray, facts.qemu, MEMORY),
    driver: live.driver,
    size_bytes: spanBytes,
  };
}

function titleOf({ entry, live }: Found): string {
  return `memory ${entry?.index ?? live.id}`;
}

/** The steps that record another size. */
function recordSteps(
  facts: Facts,
  entry: RecordedMemory,
  requestedBytes: number,
) {
  const { id } = entry.hvinfo;
  const put = resizedWords(entry, requestedBytes);
  if (!isMemoryWords(put)) {
    throw refuse(
      `Cannot resize memory ${id}: its words in the runtime file (kvm_cmd) have properties that are not understood`,
    );
  }
  return replaceWords(facts, MEMORY, { device: entry, put });
}

/**
 * Plans to tell QEMU the size.
 *
 * @throws {HotplugError} status 3
 */
export function planMemoryResize(request: MemoryResize, facts: Facts): Plan {
  refuseImpossible(facts, MEMORY.needs["memory-resize"]);
  const { device: id, requestedBytes } = request;
  const found = expectLive(facts, id);
  const { requestedBytes: before, pluggedBytes, spanBytes } = found.live;
  const { blockBytes = 1 } = found.live;
  checkRequestedSize(id, requestedBytes, { blockBytes, maxBytes: spanBytes });
  const record = found.entry &&
    recordSteps(facts, found.entry, requestedBytes);
  const to = (value: number) => ({
    path: `/machine/peripheral/${id}`,
    property: "requested-size",
    value,
  });
  const turn = qmpStep(
    "qom-set",
    to(requestedBytes),
    command("qom-set", to(before)),
  );
  const isGrowth = requestedBytes >= pluggedBytes;
  const steps: readonly (MemoryStep | undefined)[] = [
    record?.stage,
    turn,
    record?.note,
    isGrowth
      ? awaitStep(facts, { id, pluggedBytes, to: requestedBytes })
      : undefined,
    record?.commit,
  ];
  return planOf({
    action: "resize",
    instance: facts.paths.name,
    title: titleOf(found),
    device: {
      ...viewOf(facts, found),
      requested_bytes: requestedBytes,
      plugged_bytes: null,
    },
    kinds: [MEMORY.word],
    steps,
    turn,
    warnings: [pausedWarning(facts)],
  });
}

/**
 * Plans to wait until the guest has followed a request.
 *
 * @throws {HotplugError} status 3
 */
export function planMemoryAwait(request: MemoryAwait, facts: Facts): Plan {
  refuseImpossible(facts, MEMORY.needs["memory-await"]);
  const { device: id, requestedBytes: to, fromBytes } = request;
  const found = expectLive(facts, id);
  return planOf({
    action: "set",
    instance: facts.paths.name,
    title: titleOf(found),
    device: {
      ...viewOf(facts, found),
      requested_bytes: to,
      // A guest may take less than it could have.
      plugged_bytes: to < fromBytes ? to : null,
    },
    kinds: [MEMORY.word],
    steps: [awaitStep(facts, { id, pluggedBytes: fromBytes, to })],
  });
}
