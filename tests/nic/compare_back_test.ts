import { assertEquals, assertMatch } from "@std/assert";
import { nicDifferences } from "../../lib/nic/compare.ts";
import { nicMend } from "../../lib/nic/mend.ts";
import { planNicModify } from "../../lib/nic/modify.ts";
import type { OwnDevice } from "../../lib/state/own_check.ts";
import { compared, type ComparisonSpec } from "../support/comparison.ts";
import {
  facts,
  idOf,
  nic,
  nicModifyFacts,
  planOf,
  present,
  qmpStep,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";
import { known } from "../support/steps.ts";

const ID = idOf("nic", 0);

/** A NIC that QEMU does not have any more, and what is noted of it. */
function gone(noted: Partial<OwnDevice>, more: ComparisonSpec = {}) {
  const devices = { [uuidOf("nic", 0)]: { kind: "nic", ...noted } } as const;
  const place = { runDir: "/run/g", lockKey: "vm1" };
  return compared({
    nics: [nic(0, 13)],
    own: { place, qemu: null, record: { qemu: null, devices, more: {} } },
    ...more,
    qemu: {
      deviceIds: new Set(),
      commands: new Set([...facts().qemu.commands, "set_link"]),
    },
  });
}

/** What is told of it, and the plan that mends it. */
function told(given: ReturnType<typeof gone>) {
  const [one, ...others] = nicDifferences(given);
  const difference = present(one);
  assertEquals([difference.code, others], ["not-in-qemu", []]);
  const plan = known(present(nicMend(given, difference)), given.paths);
  return { difference, plan };
}

const REPLUG = "2026-01-02T03:04:05.678Z";

Deno.test("a NIC that the guest released too late is plugged back", () => {
  const noted = { linkState: "down", script: "/etc/join" } as const;
  const { difference, plan } = told(gone({ ...noted, replug: REPLUG }));
  assertMatch(
    difference.message,
    /guest released NIC 0.* its change was cancelled/,
  );
  assertEquals([plan.turn, plan.ifCut], [0, "finish"]);
  assertEquals(stepNames(plan), [
    ...["device_add", "set_link", "verify-device", "own-record"],
  ]);
  assertEquals(qmpStep(plan, "device_add").arguments.mac, nic(0, 13).mac);
  const after = { kind: "nic", linkState: "down", script: "/etc/join" };
  assertEquals(stepOf(plan, "own-record").change.after, after);
});

Deno.test("a NIC that nobody wanted to plug anew is removed", () => {
  const pending = { id: ID, requestedAt: REPLUG, title: "NIC 0" };
  const rows = [
    [{}, /is recorded, but QEMU has no such device/],
    [{ replug: REPLUG, pending }, /the guest has released NIC 0/],
  ] as const;
  for (const [noted, message] of rows) {
    const { difference, plan } = told(gone(noted));
    assertMatch(difference.message, message);
    assertEquals(difference.mend?.word, "remove");
    assertEquals(stepNames(plan).includes("device_add"), false);
    assertEquals(stepNames(plan).at(-1), "commit-state");
  }
});

Deno.test("a NIC that its guest may still release is told of", () => {
  const codes = (
    noted: Partial<OwnDevice>,
    runState: string,
  ) => {
    const { own } = gone(noted);
    const given = compared({ nics: [nic(0, 13)], own, qemu: { runState } });
    return nicDifferences(given).map(({ code, hint }) => [code, hint]);
  };
  const again =
    "repeat the nic modify command; or, to plug the device in again after its release, run: kvm-hotplug repair vm1";
  const resume = "resume the VM (kvm-hotplug qmp vm1 cont); then ";
  for (const replug of [REPLUG, { perhaps: REPLUG }]) {
    const paused = [["release-asked", resume + again]];
    assertEquals(codes({ replug }, "paused"), paused);
    const runs = typeof replug === "string" ? [["release-asked", again]] : [];
    assertEquals(codes({ replug }, "running"), runs);
  }
  const pending = { id: ID, requestedAt: REPLUG, title: "NIC 0" };
  assertEquals(codes({ replug: REPLUG, pending }, "paused"), []);
});

Deno.test("a NIC is plugged back with the arguments a change would", () => {
  const confinement = {
    pid: 4711,
    credentials: { uid: 0, gid: 0, groups: [], capabilities: 0n },
    root: "/run/jail",
    jail: "chroot",
    userNamespace: "ours",
    mountNamespace: "ours",
    networkNamespace: "ours",
    seccomp: 0,
    options: [],
  } as const;
  // The hvparams were changed since the VM was started.
  const hvparams = { use_chroot: false };
  const change = planOf(planNicModify(
    {
      kind: "nic-modify",
      instance: "vm1",
      device: "0",
      changes: { mac: "aa:00:00:00:00:77" },
    },
    nicModifyFacts({ nics: [nic(0, 13)], hvparams, node: { confinement } }),
  ));
  const [putBack] = stepOf(change, "unplug").putBack ?? [];
  const { plan } = told(gone({ replug: REPLUG }, { hvparams, confinement }));
  const args = qmpStep(plan, "device_add").arguments;
  assertEquals([args, args.romfile], [putBack?.arguments, ""]);
});
