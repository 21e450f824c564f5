import { assertEquals } from "@std/assert";
import { readNicAddFacts } from "../../lib/nic/add_facts.ts";
import { planNicAdd } from "../../lib/nic/add.ts";
import { World } from "../../lib/engine/world.ts";
import {
  facts,
  NEW_UUID,
  nicAdd,
  nicAddFacts,
  planOf,
  stepOf,
} from "../support/facts.ts";
import { STEPS } from "../support/steps.ts";

const QEMU = {
  boot: "0f0e0d0c-1111-4111-8111-000000000001",
  pid: 4711,
  start: 99,
  name: "vm1",
};

Deno.test("readNicAddFacts() tells for whom a stale note is taken away", async () => {
  const given = facts({
    qemu: { process: undefined },
    own: {
      place: { runDir: "/run/g", lockKey: "vm1" },
      qemu: QEMU,
      record: {
        qemu: QEMU,
        devices: { [NEW_UUID]: { kind: "nic", linkState: "down" } },
        more: {},
      },
    },
  });
  const request = nicAdd();
  const world = new World(undefined, {
    unplugTimeoutMs: 1_000,
    timeoutMs: 1_000,
    qmpPath: "/none",
    steps: STEPS,
  });
  const { own } = await readNicAddFacts(given, request, world);
  const plan = planOf(planNicAdd(request, {
    ...nicAddFacts(),
    ...given,
    own,
  }));
  const { qemu, change } = stepOf(plan, "own-record");
  assertEquals([qemu, change.after], [QEMU, null]);
});
