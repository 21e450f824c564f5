/** Hvparam `virtio_net_queues` where it leaves the number open. */
import { assertEquals, assertMatch } from "@std/assert";
import { atStartOf } from "../../lib/nic/queues.ts";
import { planNicAdd } from "../../lib/nic/add.ts";
import type { Plain } from "../../lib/state/json.ts";
import {
  idOf,
  nic,
  nicAdd,
  nicAddFacts,
  planOf,
  refusal,
  stepOf,
} from "../support/facts.ts";

/** A VM of this many processors, its first NIC of this many queues. */
function vm(
  virtio_net_queues: Plain,
  { smp = "", live }: { readonly smp?: string; readonly live?: number } = {},
) {
  const netdev = { tap: "tap0", queues: live ?? 1, nic: idOf("nic", 0) };
  const { content, ...rest } = nicAddFacts({
    nics: [nic(0, 13)],
    hvparams: { vhost_net: true, virtio_net_queues },
    qemu: { netdevs: new Map(live ? [["n0", netdev]] : []) },
  });
  const kvmCmd = ["kvm", ...smp === "" ? [] : ["-smp", smp]];
  return {
    ...rest,
    content: { ...content, runtime: { ...content.runtime, kvmCmd } },
  };
}

function queues(...about: Parameters<typeof vm>): number {
  const plan = planOf(planNicAdd(nicAdd(), vm(...about)));
  return stepOf(plan, "open-tap").queues;
}

Deno.test("planNicAdd() takes auto queues of processors, eight at most", () => {
  assertEquals(queues("auto", { smp: "4" }), 4);
  assertEquals(queues(0, { smp: "2,maxcpus=128" }), 2);
  assertEquals(queues("auto", { smp: "16" }), 8);
  assertEquals(queues(3, { smp: "16" }), 3);
});

Deno.test("planNicAdd() takes the queues that a running NIC has", () => {
  assertEquals(queues("auto", { smp: "4", live: 2 }), 2);
  assertEquals(queues("auto", { live: 6 }), 6);
  assertEquals(queues(3, { live: 6 }), 3);
});

Deno.test("planNicAdd() never takes one queue in silence", () => {
  for (const value of ["auto", 0, "many", null]) {
    const { message, hint = "" } = refusal(
      "bad-state-file",
      () => planNicAdd(nicAdd(), vm(value)),
    );
    assertMatch(message, /number of queues.*virtio_net_queues.*-smp/);
    assertMatch(hint, /--queues N/);
  }
  // Who says how many is not asked.
  const plan = planOf(planNicAdd(nicAdd({ queues: 2 }), vm("many")));
  assertEquals(stepOf(plan, "open-tap").queues, 2);
});

Deno.test("atStartOf() of a plain card asks nothing", () => {
  const { content, qemu } = vm("many");
  assertEquals(atStartOf("e1000", { ...content, qemu }).queues, 1);
});
