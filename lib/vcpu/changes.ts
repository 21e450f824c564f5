/**
 * How processors are changed.
 *
 * @module
 */

import type { CommandTable } from "../device/plan_commands.ts";
import type { KindChanges, Planner } from "../plan/kind.ts";
import { DEVICE_IDS } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import { dictionary, QEMU_ID, text, whole } from "../state/value_check.ts";
import { planVcpuAdd } from "./add.ts";
import { vcpuAdoption } from "./adopt.ts";
import { vcpuMend } from "./mend.ts";
import { VCPU } from "./name.ts";
import { DRIVER, isVcpuWords } from "./recorded.ts";
import { planVcpuRemove } from "./remove.ts";
import type { VcpuRequest } from "./request.ts";
import { planVcpuSet } from "./set.ts";

function prepare(request: VcpuRequest): Planner<VcpuRequest> {
  switch (request.kind) {
    case "vcpu-add":
      return (facts) => planVcpuAdd(request, facts);
    case "vcpu-remove":
      return (facts) => planVcpuRemove(request, facts);
    case "vcpu-set":
      return (facts) => planVcpuSet(request, facts);
    default:
      return request satisfies never;
  }
}

const isDriver = text(DRIVER);
const isId = text(QEMU_ID);
const isProps = dictionary(/^[a-z]+-id$/, whole(0, 2 ** 31 - 1));

/** The places tell that a processor is gone, not an event. */
const COMMANDS: CommandTable = {
  "device_add": {
    takes: ({ driver, id, ...props }) =>
      isDriver(driver) && isId(id) && isProps(props),
    undo: "device_del",
    effect: async ({ id }, qmp) => (await ask(qmp, DEVICE_IDS)).has(String(id)),
    turn: "plug",
    ending: ({ id }) => VCPU.ending(String(id)),
  },
};

/** The part that only changes need. */
export const VCPU_CHANGES: KindChanges<VcpuRequest> = {
  prepare,
  steps: [],
  commands: COMMANDS,
  isWords: isVcpuWords,
  adopt: (facts) => Promise.resolve(vcpuAdoption(facts)),
  mend: vcpuMend,
  finish: (instance, device) => ({ kind: "vcpu-remove", instance, device }),
};
