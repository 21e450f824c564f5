import { assertEquals } from "@std/assert";
import { planNicModify } from "../../lib/nic/modify.ts";
import { nicBack } from "../../lib/nic/findings.ts";
import type { OwnDevice } from "../../lib/state/own_record.ts";
import {
  assert,
  idOf,
  nic,
  type nicAddFacts,
  nicModifyFacts,
  planOf,
  qmpStep,
  stepNames,
  stepOf,
  uuidOf,
} from "./support.ts";

const ID = idOf("nic", 0);

function factsOf(given: Parameters<typeof nicAddFacts>[0] = {}) {
  return nicModifyFacts({ nics: [nic(0, 13)], ...given });
}

function notedOf(more: Partial<OwnDevice>) {
  const devices = { [uuidOf("nic", 0)]: { kind: "nic", ...more } } as const;
  const place = { runDir: "/run/g", lockKey: "vm1" };
  return {
    own: { place, qemu: null, record: { qemu: null, devices, more: {} } },
  };
}

Deno.test("nicBack() plugs back what the guest released too late", () => {
  const replug = "2026-01-02T03:04:05.678Z";
  const gone = (more: Partial<OwnDevice>) => {
    const facts = factsOf(notedOf(more));
    const deviceIds = new Set(
      [...facts.qemu.deviceIds].filter((one) => one !== ID),
    );
    return { ...facts, qemu: { ...facts.qemu, deviceIds } };
  };
  const [entry] = factsOf().content.runtime.nics;
  assert(entry !== undefined);
  assertEquals(nicBack(gone({}), entry), undefined);
  const facts = gone({ replug, linkState: "down", script: "/etc/join" });
  const plan = nicBack(facts, entry)?.plan;
  assert(plan !== undefined);
  assertEquals(stepNames(plan), [
    ...["device_add", "set_link", "verify-device", "own-record"],
  ]);
  assertEquals(qmpStep(plan, "device_add").arguments.mac, entry.mac);
  const after = { kind: "nic", linkState: "down", script: "/etc/join" };
  assertEquals(stepOf(plan, "own-record").change.after, after);
  const pending = { id: ID, requestedAt: replug, title: "NIC 0" };
  assertEquals(nicBack(gone({ replug, pending }), entry), undefined);
});

Deno.test("nicBack() plugs it back with the arguments a change would", () => {
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
  const given = { hvparams, node: { confinement } };
  const change = planOf(planNicModify(
    {
      kind: "nic-modify",
      instance: "vm1",
      device: "0",
      changes: { mac: "aa:00:00:00:00:77" },
    },
    factsOf(given),
  ));
  const [putBack] = stepOf(change, "unplug").putBack ?? [];
  const facts = factsOf({ ...given, ...notedOf({ replug: "2026-01-02" }) });
  const [entry] = facts.content.runtime.nics;
  assert(entry !== undefined);
  const back = nicBack(facts, entry)?.plan;
  assert(back !== undefined);
  const args = qmpStep(back, "device_add").arguments;
  assertEquals([args, args.romfile], [putBack?.arguments, ""]);
});
