/**
 * Memory that QEMU has and the runtime file lacks: its place, its size and its
 * backend are all that a start needs.
 *
 * @module
 */

import type { PciPlace } from "../device/bus_slot.ts";
import {
  type Adopted,
  type AdoptFacts,
  type KindAdoption,
  left,
  type Verdict,
} from "../plan/adoption.ts";
import { noteWords, putWords } from "../plan/command_words.ts";
import type { QemuFacts } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { Json } from "../qmp/message.ts";
import { ask, type Query } from "../qmp/query.ts";
import { list, text } from "../qmp/reading.ts";
import { type LiveMemory, memoryOf } from "./live.ts";
import { MEMORY } from "./name.ts";
import {
  BACKEND_TYPE,
  memoryWords,
  type NewMemory,
  recordedMemory,
} from "./recorded.ts";

/** The properties of memory backends, by their ids: qapi/machine.json. */
const BACKENDS: Query<ReadonlyMap<string, Json>> = {
  execute: "query-memdev",
  ifMissing: "nothing",
  ifRefused: "nothing",
  read: (value) => new Map(list(value).map((one) => [text(one.id), one])),
};

/** Why a backend is not one that the words of ours make. */
function otherBackend(
  backend: Json | undefined,
  type: string | undefined,
): string | undefined {
  if (backend === undefined || type === undefined) {
    return "QEMU does not tell its backend";
  }
  if (type !== BACKEND_TYPE) return `its backend is a ${type}`;
  const { share, prealloc, policy } = backend;
  const nodes = backend["host-nodes"];
  const isBound = Array.isArray(nodes) && nodes.length > 0;
  if (share === true || prealloc === true || isBound || policy !== "default") {
    return "its backend has properties that are not understood";
  }
  return undefined;
}

/** The memory in the form in which it is added; undefined: QEMU hides a part. */
function asAdded(
  facts: AdoptFacts,
  live: LiveMemory & { readonly id: string },
): NewMemory | undefined {
  const { id, memdev, addr, spanBytes, slot, blockBytes } = live;
  const common = { id, memdev, addr, spanBytes };
  if (live.driver === "pc-dimm") {
    return slot === undefined
      ? undefined
      : { ...common, driver: live.driver, slot };
  }
  const place = facts.places.get(id);
  if (blockBytes === undefined || !place || !("slot" in place)) return;
  const { requestedBytes } = live;
  const pci: PciPlace = { bus: place.bus, slot: place.slot };
  const { driver } = live;
  return { ...common, driver, blockBytes, requestedBytes, place: pci };
}

function judge(
  facts: AdoptFacts,
  live: LiveMemory,
  why: string | undefined,
): Verdict {
  const { id, driver } = live;
  const { runtime } = facts.content;
  if (recordedMemory(runtime).some(({ hvinfo }) => hvinfo.id === id)) return;
  const title = `memory ${id ?? "without a device id"} (${driver})`;
  if (id === undefined) {
    return left(title, "it cannot be removed while the VM runs");
  }
  if (why !== undefined) return left(title, why);
  const memory = asAdded(facts, { ...live, id });
  if (memory === undefined) return left(title, "QEMU does not tell its place");
  const change = putWords(id, memoryWords(memory));
  return { kind: MEMORY.word, id, change, warnings: [] };
}

function notes(facts: AdoptFacts, { kind, id, change }: Adopted) {
  if (kind !== MEMORY.word || change.change !== "words") return [];
  return [noteWords(facts, MEMORY, { id, words: change.words.put ?? [] })];
}

/** What is proven of the memory of this QEMU. */
export async function memoryAdoption(
  qemu: QemuFacts,
  qmp: QmpSession,
): Promise<KindAdoption> {
  const { devices: live, objects } = memoryOf(qemu);
  const known = live.length > 0 ? await ask(qmp, BACKENDS) : new Map();
  return {
    live,
    judge: (facts) =>
      live.map((one) => {
        const { memdev } = one;
        const why = otherBackend(known.get(memdev), objects.get(memdev));
        return judge(facts, one, why);
      }),
    steps: (facts, adopted) => adopted.flatMap((one) => notes(facts, one)),
    startNames: () => ({}),
    hvparams: () => ({}),
  };
}
