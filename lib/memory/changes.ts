/**
 * How memory is changed.
 *
 * @module
 */

import type { CommandTable } from "../device/plan_commands.ts";
import type { KindChanges, Planner } from "../plan/kind.ts";
import { DEVICE_IDS } from "../qmp/commands.ts";
import type { QmpSession } from "../qmp/client.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import { ask } from "../qmp/query.ts";
import {
  type Check,
  either,
  object,
  qemuId as id,
  text,
  whole,
  word,
} from "../state/value_check.ts";
import { planMemoryAdd } from "./add.ts";
import { memoryAdoption } from "./adopt.ts";
import { availableBytes } from "./host.ts";
import { OBJECTS } from "./live.ts";
import { memoryMend } from "./mend.ts";
import { MEMORY } from "./name.ts";
import { BACKEND_TYPE, isMemoryWords } from "./recorded.ts";
import { planMemoryRemove } from "./remove.ts";
import type { MemoryRequest } from "./request.ts";
import { planMemoryAwait, planMemoryResize } from "./resize.ts";
import { MEMORY_STEPS } from "./steps.ts";
import { planMemorySet } from "./set.ts";

function prepare(request: MemoryRequest): Planner<MemoryRequest> {
  switch (request.kind) {
    case "memory-add":
      return (facts) =>
        planMemoryAdd(request, { ...facts, availableBytes: availableBytes() });
    case "memory-remove":
      return (facts) => planMemoryRemove(request, facts);
    case "memory-set":
      return (facts) => planMemorySet(request, facts);
    case "memory-resize":
      return (facts) => planMemoryResize(request, facts);
    case "memory-await":
      return (facts) => planMemoryAwait(request, facts);
    default:
      return request satisfies never;
  }
}

const size = whole(0, Number.MAX_SAFE_INTEGER);
const isDimm = object({
  driver: word("pc-dimm"),
  ...{ id, memdev: id, slot: whole(0, 255), addr: size },
});
const isVirtioMem = object({
  driver: word("virtio-mem-pci"),
  ...{ id, memdev: id, memaddr: size },
  ...{ "block-size": size, "requested-size": size },
  ...{ bus: id, addr: text(/^0x[0-9a-f]{1,2}$/) },
});
const isDevice: Check = either(isDimm, isVirtioMem);

const REQUESTED = "requested-size";

async function hasBackend(id: unknown, qmp: QmpSession): Promise<boolean> {
  return (await ask(qmp, OBJECTS)).has(String(id));
}

const COMMANDS: CommandTable = {
  "object-add": {
    takes: object(
      { "qom-type": word(BACKEND_TYPE), id, size },
      { reserve: word(false) },
    ),
    undo: "object-del",
    effect: ({ id }, qmp) => hasBackend(id, qmp),
  },
  "object-del": {
    takes: object({ id }),
    undo: null,
    effect: async ({ id }, qmp) => !await hasBackend(id, qmp),
  },
  "device_add": {
    takes: isDevice,
    undo: "device_del",
    effect: async ({ id }, qmp) => (await ask(qmp, DEVICE_IDS)).has(String(id)),
    turn: "plug",
    ending: () => MEMORY.ending(),
  },
  "qom-set": {
    takes: object({
      path: text(/^\/machine\/peripheral\/[A-Za-z][A-Za-z0-9._-]{0,127}$/),
      property: word(REQUESTED),
      value: size,
    }),
    undo: "qom-set",
    async effect({ path, value }, qmp) {
      const id = String(path).split("/").at(-1) ?? "";
      return await ask(qmp, propertyOf(id, REQUESTED)) === value;
    },
    turn: "plug",
  },
};

/** The part that only changes need. */
export const MEMORY_CHANGES: KindChanges<MemoryRequest> = {
  prepare,
  steps: MEMORY_STEPS,
  commands: COMMANDS,
  isWords: isMemoryWords,
  adopt: async ({ qemu }, { qmp }) => await memoryAdoption(qemu, qmp),
  mend: memoryMend,
  finish: (instance, device) => ({ kind: "memory-remove", instance, device }),
};
