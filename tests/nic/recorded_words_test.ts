import { assertEquals, assertStringIncludes } from "@std/assert";
import { planNicAdd } from "../../lib/nic/add.ts";
import { planNicModify } from "../../lib/nic/modify.ts";
import { planNicRemove } from "../../lib/nic/remove.ts";
import type { NicModifyFacts } from "../../lib/nic/modified.ts";
import type { NicChanges } from "../../lib/nic/request.ts";
import {
  facts,
  nic,
  nicAdd,
  nicAddFacts,
  nicModifyFacts,
  type PlainObject,
  planOf,
  planRefusal,
  stepOf,
} from "../support/facts.ts";

const ROUTED = { mode: "routed", ip: "192.0.2.9" } as const;
const COMMAND = "100\nlink set dev eth0 down";

function recorded(nicparams: PlainObject, more: PlainObject = {}) {
  return { nics: [nic(0, 13, { nicparams, ...more })] };
}

Deno.test("planNicAdd() refuses words that are none", () => {
  const wrong = [
    { ...ROUTED, link: COMMAND },
    { ...ROUTED, link: "100 proto kernel" },
    { ...ROUTED, ip: "192.0.2.9\nlink set dev eth0 down" },
    { vlan: "7\n" },
    { link: "../net/br0" },
    { mode: "openvswitch", link: "sw0\0" },
  ] as const;
  for (const request of wrong) {
    const { message } = planRefusal(
      "refused",
      nicAddFacts(),
      (given) => planNicAdd(nicAdd(request), given),
    );
    assertStringIncludes(message, "must be");
  }
  planOf(planNicAdd(nicAdd({ ...ROUTED, link: "100" }), nicAddFacts()));
});

Deno.test("planNicAdd() leaves a link to a script, if it is one line", () => {
  const node = { ganetiScript: "/usr/lib/ganeti/kvm-nic-setup" };
  const given = nicAddFacts({ node });
  planOf(planNicAdd(nicAdd({ ...ROUTED, link: "a long table's name" }), given));
  planRefusal(
    "refused",
    given,
    (one) => planNicAdd(nicAdd({ ...ROUTED, link: COMMAND }), one),
  );
});

Deno.test("planNicModify() refuses the entry's own words that are none", () => {
  const refused = (
    given: ReturnType<typeof recorded>,
    changes: NicChanges,
  ) => {
    const { message } = planRefusal(
      "refused",
      nicModifyFacts(given),
      (one) =>
        planNicModify(
          { kind: "nic-modify", instance: "vm1", device: "0", changes },
          one,
        ),
    );
    assertStringIncludes(message, "its recorded ");
  };
  const table = recorded({ mode: "routed", link: COMMAND }, { ip: ROUTED.ip });
  for (
    const changes of [
      { ip: "192.0.2.10" },
      { link: "100" },
      { mac: "aa:00:00:00:00:77" },
    ]
  ) refused(table, changes);
  refused(recorded({ mode: "routed", link: "100" }, { ip: "pool\n" }), {
    link: "101",
  });
});

Deno.test("planNicRemove() takes nothing off by words that are none", () => {
  const given = facts(recorded({ mode: "routed", link: COMMAND }, { ip: "x" }));
  const plan = planOf(planNicRemove(
    { kind: "nic-remove", instance: "vm1", device: "0" },
    { ...given, ganetiScript: undefined, ganetiDown: undefined },
  ));
  const { from } = stepOf(plan, "attach-tap");
  assertEquals([from?.mode, from?.link, from?.ip], ["routed", null, null]);
});

Deno.test("planNicModify() refuses what no script can be told", () => {
  const changes = { link: "br1" };
  const ask = (more: PlainObject, script: string | undefined) => {
    const given = recorded({ mode: "bridged", link: "br0" }, more);
    const node = { ganetiScript: script };
    return [
      nicModifyFacts({ ...given, node }),
      (one: NicModifyFacts) =>
        planNicModify(
          { kind: "nic-modify", instance: "vm1", device: "0", changes },
          one,
        ),
    ] as const;
  };
  const uuid = "5f5c6f1e-2c3a-4a25-9d2b-6b8a1f3b9c10";
  for (
    const more of [
      { name: "a\nb" },
      { network: uuid, netinfo: { name: "net1\0", uuid } },
      { network: uuid, netinfo: { name: "net1", uuid, tags: ["a\nb"] } },
    ]
  ) {
    const script = "/usr/lib/ganeti/kvm-nic-setup";
    const { message } = planRefusal("refused", ...ask(more, script));
    assertStringIncludes(message, "to the network script: it must be");
    const [given, plan] = ask(more, undefined);
    planOf(plan(given));
  }
});
