/** The MTU and the rates of a NIC. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { recordedArguments } from "../../lib/device/hvinfo.ts";
import type { LiveTuning } from "../../lib/host/tap_tuning.ts";
import { planNicAdd } from "../../lib/nic/add.ts";
import { planNicModify } from "../../lib/nic/modify.ts";
import type { NicChanges } from "../../lib/nic/request.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import {
  assert,
  idOf,
  nic,
  nicAdd,
  nicAddFacts,
  nicModifyFacts,
  planOf,
  planRefusal,
  qmpStep,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";

type Given = Parameters<typeof nicAddFacts>[0];

function add(more: Parameters<typeof nicAdd>[0], given: Given = {}) {
  return planOf(planNicAdd(nicAdd(more), nicAddFacts(given)));
}

function own(note: Record<string, string | number>) {
  return {
    place: { runDir: "/run/g", lockKey: "vm1" },
    qemu: null,
    record: {
      ...{ qemu: null, more: {} },
      devices: { [uuidOf("nic", 0)]: { kind: "nic", ...note } },
    },
  };
}

Deno.test("planNicAdd() gives tap, card and entry the MTU", () => {
  const mac = "fe:00:00:00:00:01";
  const bridgeState = {
    mac,
    link: "up",
    listensSeconds: 0,
    mtu: 1500,
  } as const;
  const added = add({ mtu: 9000, rateIn: 5000 }, { node: { bridgeState } });
  assertEquals(stepNames(added).slice(0, 4), [
    ...["stage-state", "open-tap", "attach-tap", "tune-tap"],
  ]);
  assertEquals(stepOf(added, "tune-tap"), {
    ...{ kind: "tune-tap", tap: { value: "tap" }, from: null },
    to: { mtu: 9000, in: 5000, out: null },
  });
  assertEquals(qmpStep(added, "device_add").arguments["host_mtu"], 9000);
  const { change } = stepOf(added, "stage-state");
  assert(change.change === "insert");
  const [entry] = parseRuntime(`[[], [${change.entry}], {}, []]`, "x").nics;
  assert(entry);
  assertEquals(recordedArguments(entry).host_mtu, 9000);
  assertEquals(stepOf(added, "own-record").change.after, {
    kind: "nic",
    rateIn: 5000,
  });
  const codes = added.warnings.map(({ code }) => code);
  assertEquals(codes, ["bridge-mtu", "until-stop", "until-qemu-ends"]);
});

Deno.test("planNicAdd() tells no card the MTU that cannot have it", () => {
  const added = add({ driver: "rtl8139", mtu: 1400 });
  const codes = added.warnings.map(({ code }) => code);
  assertEquals(codes.includes("guest-not-told"), true, codes.join());
  assertEquals(qmpStep(added, "device_add").arguments["host_mtu"], undefined);
  assertEquals(stepOf(added, "tune-tap").to.mtu, 1400);
  assertEquals(stepOf(added, "own-record").change.after, {
    kind: "nic",
    mtu: 1400,
  });
});

Deno.test("planNicAdd() refuses rates that the kernel cannot have", () => {
  const error = planRefusal(
    "unsupported",
    nicAddFacts({ node: { ratesFault: "no tbf" } }),
    (facts) => planNicAdd(nicAdd({ rateIn: 5000 }), facts),
  );
  assertStringIncludes(error.message, "no tbf");
});

const TUNING: LiveTuning = { mtu: 1500, in: null, out: null };

function modify(changes: NicChanges, given: Given = {}, tuning = TUNING) {
  const facts = { ...nicModifyFacts({ nics: [nic(0, 13)], ...given }), tuning };
  const request = { kind: "nic-modify", instance: "vm1", device: "0" } as const;
  return planNicModify({ ...request, changes }, facts);
}

Deno.test("planNicModify() sets rates in place, and knows the way back", () => {
  const plan = planOf(modify({ rateIn: 5000, rateOut: null }));
  assertEquals(stepNames(plan), ["tune-tap", "own-record"]);
  assertEquals(stepOf(plan, "tune-tap"), {
    ...{ kind: "tune-tap", tap: "tap0" },
    from: { mtu: 1500, in: null, out: null },
    to: { mtu: null, in: 5000, out: null },
  });
  const noted = { own: own({ rateIn: 5000 }) };
  const now = { ...TUNING, in: 5000 };
  assertEquals(modify({ rateIn: 5000 }, noted, now).steps, []);
  // Somebody ended it past us: what is asked is set again.
  assertEquals(stepNames(modify({ rateIn: 5000 }, noted)), ["tune-tap"]);
});

Deno.test("planNicModify() changes no rate that it cannot look at", () => {
  const unknown = { mtu: 1400, in: "unknown", out: "unknown" } as const;
  const noted = { own: own({ rateIn: 5000 }) };
  const down = planOf(modify({ linkState: "down" }, noted, unknown));
  assertEquals(stepNames(down), ["set_link", "own-record"]);
  assertEquals(modify({ rateIn: 5000 }, noted, unknown).steps, []);
  const error = planRefusal(
    "unsupported",
    { ...nicModifyFacts({ nics: [nic(0, 13)], ...noted }), tuning: unknown },
    (facts) =>
      planNicModify({
        ...{ kind: "nic-modify", instance: "vm1", device: "0" },
        changes: { rateIn: null },
      }, facts),
  );
  assertStringIncludes(error.message, "tc does not tell which rates tap0 has");
});

Deno.test("planNicModify() plugs a virtio card anew for another MTU", () => {
  const hvinfo = {
    ...{ driver: "virtio-net-pci", id: idOf("nic", 0), bus: "pci.0" },
    ...{ addr: "0xd", host_mtu: 1400 },
  };
  const given = { nics: [nic(0, 13, { hvinfo })], own: own({ rateIn: 5000 }) };
  const plan = planOf(modify({ mtu: 1300 }, given));
  assertEquals(qmpStep(plan, "device_add").arguments["host_mtu"], 1300);
  assertEquals(stepOf(plan, "tune-tap").to, {
    ...{ mtu: 1300, in: 5000, out: null },
  });
  assertEquals(stepOf(plan, "drop-netdev").back.tuning, {
    ...{ mtu: 1400, in: 5000, out: null },
  });
  const { change } = stepOf(plan, "stage-state");
  assert(change.change === "members");
  assertStringIncludes(change.members.hvinfo ?? "", '"host_mtu":1300');
  const none = planOf(modify({ mtu: null }, given));
  assertEquals(qmpStep(none, "device_add").arguments["host_mtu"], undefined);
  const { change: gone } = stepOf(none, "stage-state");
  assert(gone.change === "members");
  assertEquals(gone.members.hvinfo?.includes("host_mtu"), false);
});
