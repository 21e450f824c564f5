/**
 * Plans to take memory out of a guest. Pure.
 *
 * @module
 */

import type { Plan } from "../engine/plan.ts";
import { refuse, unsupported } from "../errors.ts";
import { takeWords } from "../plan/command_words.ts";
import type { Facts } from "../plan/facts.ts";
import { planRemoval, type Removable } from "../plan/removal.ts";
import { refuseImpossible, refuseWithoutAcpi } from "../plan/requirements.ts";
import { qmpStep } from "../plan/steps.ts";
import { commandLine } from "../state/instance.ts";
import { typedSize } from "../words/text.ts";
import { liveMemory, memoryOf, totalBytes } from "./live.ts";
import { MEMORY } from "./name.ts";
import {
  isMemoryWords,
  memdevOf,
  type RecordedMemory,
  recordedMemory,
} from "./recorded.ts";
import type { MemoryRemove } from "./request.ts";
import type { MemoryStep } from "./steps.ts";

/** Ids of ours are given to one device at a time. */
const OUR_ID = /^(?:dimm|vmem)-\d+$/;

/** The first release of QEMU that lets a virtio-mem device go. */
const UNPLUGS_VIRTIO_MEM = { major: 8, minor: 2 };

/**
 * Refuses a virtio-mem device that QEMU would not let go.
 *
 * @throws {HotplugError} `unsupported` | `refused`
 */
function refuseKept(facts: Facts, id: string): void {
  const { paths, qemu } = facts;
  const live = liveMemory(qemu, id);
  if (live?.driver !== "virtio-mem-pci") return;
  const { major, minor } = qemu.version;
  const { pluggedBytes: plugged, requestedBytes: requested } = live;
  const isOld = major < UNPLUGS_VIRTIO_MEM.major ||
    (major === UNPLUGS_VIRTIO_MEM.major && minor < UNPLUGS_VIRTIO_MEM.minor);
  const { machine, devices } = memoryOf(qemu);
  const rest = machine && totalBytes(machine, devices) - plugged;
  const shrink = rest === undefined
    ? undefined
    : commandLine(paths, "memory", "set", paths.name, typedSize(rest));
  const isUsed = plugged > 0 || requested > 0;
  if (isOld) {
    throw unsupported(
      `Cannot remove memory ${id}: QEMU ${major}.${minor} cannot unplug a virtio-mem device`,
      isUsed && shrink
        ? `to take all of its memory from the guest, run: ${shrink}`
        : "the device stays until the VM ends; it gives the guest no memory",
    );
  }
  if (!isUsed) return;
  throw refuse(
    `Cannot remove memory ${id}: the guest has ${typedSize(plugged)} of it, ${
      typedSize(requested)
    } is requested`,
    shrink && `to take it from the guest first, run: ${shrink}`,
  );
}

function refuseRemoval(
  facts: Facts,
  { id, entry: { words } }: Removable<RecordedMemory>,
): void {
  if (!isMemoryWords(words)) {
    throw unsupported(
      `Cannot remove memory ${id}: its words in the runtime file (kvm_cmd) have properties that are not understood`,
    );
  }
  refuseKept(facts, id);
}

/** Frees a backend, if QEMU has it. */
export function freeBackend({ qemu }: Facts, memdev: string): MemoryStep[] {
  return memoryOf(qemu).backends.has(memdev)
    ? [qmpStep("object-del", { id: memdev }, null)]
    : [];
}

/** The same of memory, or of a backend, that no words record. */
export function freeStray(facts: Facts, id: string): MemoryStep[] {
  const live = liveMemory(facts.qemu, id);
  const isBackend = memoryOf(facts.qemu).backends.has(id);
  return freeBackend(facts, live?.memdev ?? (isBackend ? id : memdevOf(id)));
}

/**
 * Plans `memory remove`.
 *
 * @throws {HotplugError} status 3
 */
export function planMemoryRemove(request: MemoryRemove, facts: Facts): Plan {
  const needs = MEMORY.needs["memory-remove"];
  refuseImpossible(facts, needs);
  refuseWithoutAcpi(facts, "memory");
  const { device: word, unrecorded } = request;
  const entries = recordedMemory(facts.content.runtime);
  return planRemoval(facts, {
    kind: MEMORY,
    needs,
    entries,
    word,
    isExact: (one) => OUR_ID.test(one),
    check: (chosen) => refuseRemoval(facts, chosen),
    change: takeWords,
    backend: ({ entry: { memdev } }) => freeBackend(facts, memdev),
    unrecorded,
    strayBackend: (id) => {
      refuseKept(facts, id);
      return freeStray(facts, id);
    },
  });
}
