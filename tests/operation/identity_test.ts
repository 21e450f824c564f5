import { assertEquals } from "@std/assert";
import type { AnyStep } from "../../lib/kinds.ts";
import type { OwnFacts } from "../../lib/engine/own_facts.ts";
import {
  inventedStep,
  isInvented,
  namesake,
  planIdentity,
  renameSteps,
} from "../../lib/operation/identity.ts";
import type { IdentityMend } from "../../lib/operation/request.ts";
import { EMPTY_RECORD, type OwnDevice } from "../../lib/state/own_check.ts";
import {
  disk,
  facts,
  type InstanceSpec,
  nic,
  present,
  runtime,
  uuidOf,
} from "../support/facts.ts";

/** The same uuid but for what no device id has of it. */
function alike(kind: "disk" | "nic", number = 0): string {
  return uuidOf(kind, number).slice(0, 19) + "9222-eeeeeeeeeeee";
}

const BOTH = { disks: [disk(0, 12)], nics: [nic(0, 13)] };
const [DISK, NIC] = [alike("disk"), alike("nic")];

function own(devices: Readonly<Record<string, OwnDevice>>): OwnFacts {
  return { ...facts().own, record: { ...EMPTY_RECORD, devices } };
}

/** The change of each step, in short. */
function changes(steps: readonly unknown[]): unknown[] {
  return (steps as AnyStep[]).map((step) => {
    if (step.kind !== "own-record") return step.kind;
    const { uuid, before, after } = step.change;
    return [uuid, before, after];
  });
}

Deno.test("namesake() is the only entry whose id has the begin of the uuid", () => {
  const found = (
    spec: InstanceSpec,
    list: "disks" | "nics",
    uuid: string,
  ) => namesake(runtime(spec), { list, uuid })?.uuid;
  assertEquals(found(BOTH, "disks", DISK), uuidOf("disk", 0));
  assertEquals(found(BOTH, "nics", NIC), uuidOf("nic", 0));
  assertEquals(found(BOTH, "nics", DISK), undefined);
  assertEquals(found(BOTH, "disks", alike("disk", 1)), undefined);
  // It has the uuid already.
  assertEquals(found(BOTH, "disks", uuidOf("disk", 0)), undefined);
  const two = [disk(0, 12), disk(0, 13, { uuid: uuidOf("disk", 7) })];
  assertEquals(found({ disks: two }, "disks", DISK), undefined);
  const bare = [disk(0, 12, { hvinfo: {} })];
  assertEquals(found({ disks: bare }, "disks", DISK), undefined);
});

Deno.test("isInvented() is what the own record notes, in lower case", () => {
  const [entry] = runtime(BOTH).disks;
  const uuid = uuidOf("disk", 0);
  const noted = { kind: "disk", invented: true };
  const is = (devices: Record<string, OwnDevice>, uuid = entry?.uuid ?? "") =>
    isInvented(own(devices), { ...present(entry), uuid });
  assertEquals([is({ [uuid]: noted }), is({})], [true, false]);
  assertEquals(is({ [uuid]: noted }, uuid.toUpperCase()), true);
  assertEquals(is({ [uuid]: { kind: "disk" } }), false);
});

Deno.test("inventedStep() keeps what else is noted, or is about to be", () => {
  const uuid = uuidOf("disk", 0);
  const about = { uuid, kind: "disk" as const, earlier: [] };
  const step = inventedStep(own({}), about);
  const after = { kind: "disk", invented: true };
  assertEquals(step.change, { uuid, before: null, after });
  const noted = { kind: "disk", words: ["-x", "y"] };
  const kept = inventedStep(own({ [uuid]: noted }), about);
  assertEquals(kept.change.before, noted);
  assertEquals(kept.change.after as unknown, { ...noted, invented: true });
  const place = own({}).place;
  const earlier = ["a", "b"].map((word) => ({
    ...{ kind: "own-record", place, qemu: null } as const,
    change: { uuid, before: null, after: { kind: "disk", words: [word] } },
  }));
  const other = { ...earlier[1]!, change: { ...step.change, uuid: DISK } };
  const behind = inventedStep(own({ [uuid]: noted }), {
    ...about,
    earlier: [{ kind: "verify-node" }, ...earlier, other],
  });
  assertEquals(behind.change.before as unknown, {
    kind: "disk",
    words: ["b"],
  });
});

Deno.test("renameSteps() takes what is noted along, but that it was invented", () => {
  const uuid = uuidOf("disk", 0);
  const [entry] = runtime(BOTH).disks;
  const steps = (devices: Record<string, OwnDevice>) =>
    renameSteps({ ...facts(BOTH), own: own(devices) }, present(entry), {
      uuid: DISK,
    });
  const frame = (...notes: unknown[]) => [
    "stage-state",
    ...notes,
    "commit-state",
  ];
  assertEquals(changes(steps({})), frame());
  const invented = { kind: "disk", invented: true };
  assertEquals(
    changes(steps({ [uuid]: invented })),
    frame([uuid, invented, null]),
  );
  const words = ["-x", "y"];
  const more = { ...invented, words };
  assertEquals(
    changes(steps({ [uuid]: more })),
    frame([uuid, more, null], [DISK, null, { kind: "disk", words }]),
  );
});

/** What becomes of the entries of an instance. */
async function planned(
  spec: InstanceSpec,
  more: Partial<IdentityMend>,
): Promise<unknown> {
  const { content, paths } = facts(spec);
  const request: IdentityMend = {
    ...{ kind: "identity-mend", instance: "vm1", list: "disks" },
    ...{ uuid: DISK, paths: [], ...more },
  };
  const nowhere = { ...paths, pid: "/nowhere", runDir: "/nowhere" };
  const { plan } = await planIdentity(request, nowhere, content);
  assertEquals([plan.action, plan.ifCut], ["mend", "finish"]);
  const [stage] = plan.steps as AnyStep[];
  if (stage === undefined) return undefined;
  assertEquals(changes(plan.steps), ["stage-state", "commit-state"]);
  if (stage.kind !== "stage-state" || stage.change.change !== "entry") {
    throw new TypeError("no entry is staged");
  }
  return JSON.parse(stage.change.entry);
}

/** An element of a list with another uuid. */
function withUuid(element: readonly unknown[] | object, uuid: string) {
  if (!Array.isArray(element)) return { ...element, uuid };
  const [object, ...rest] = element as [object, ...unknown[]];
  return [{ ...object, uuid }, ...rest];
}

Deno.test("planIdentity() renames a disk that the paths lead to", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    const [mine, other, link] = ["a", "b", "l"].map((name) => `${dir}/${name}`);
    for (const path of [mine!, other!]) Deno.writeTextFileSync(path, "");
    Deno.symlinkSync(mine!, link!);
    const [object] = disk(0, 12);
    const at = (path: string) => ({ disks: [[object, path, null]] });
    const done = withUuid([object, mine!, null], DISK);
    const spec = at(mine!);
    assertEquals(await planned(spec, { paths: [mine!] }), done);
    assertEquals(await planned(spec, { paths: [link!] }), done);
    assertEquals(await planned(spec, { paths: [other!, link!] }), done);
    assertEquals(await planned(spec, { paths: [other!] }), undefined);
    // Nothing tells which disk is meant.
    assertEquals(await planned(spec, { paths: [] }), undefined);
    assertEquals(await planned(spec, { paths: [`${dir}/none`] }), undefined);
    assertEquals(
      await planned(at(`${dir}/none`), { paths: [mine!] }),
      undefined,
    );
    // Another has that uuid.
    const given = { paths: [mine!], uuid: alike("disk", 1) };
    assertEquals(await planned(spec, given), undefined);
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("planIdentity() renames a disk of the same URI alone", async () => {
  const [object] = disk(0, 12);
  const spec = { disks: [[object, null, "nbd://h/x"]] };
  const done = withUuid([object, null, "nbd://h/x"], DISK);
  assertEquals(await planned(spec, { uri: "nbd://h/x" }), done);
  assertEquals(await planned(spec, { uri: "nbd://h/y" }), undefined);
});

Deno.test("planIdentity() renames a NIC of the same MAC, and says what is so", async () => {
  const card = { list: "nics", uuid: NIC } as const;
  const { mac, hvinfo, ...rest } = nic(0, 13);
  const spec = { nics: [{ mac: mac.toUpperCase(), hvinfo, ...rest }] };
  const done = withUuid(spec.nics[0]!, NIC);
  assertEquals(await planned(spec, { ...card, mac }), done);
  assertEquals(
    await planned(spec, { ...card, mac: "aa:00:00:00:00:99" }),
    undefined,
  );
  const said = async (nicparams: Record<string, unknown>) => {
    const object = { mac, uuid: NIC, nicparams, network: "n" };
    const answer = { object: JSON.stringify(object) };
    const entry = await planned(spec, { ...card, mac, said: answer });
    const { network } = entry as { network?: string };
    if (network === undefined) {
      assertEquals(entry, withUuid(spec.nics[0]!, NIC));
    } else assertEquals(entry, { ...object, hvinfo });
    return network !== undefined;
  };
  assertEquals(await said({ mode: "bridged", link: "br0" }), true);
  assertEquals(await said({ mode: "bridged", link: "br1" }), false);
  assertEquals(await said({ mode: "routed", link: "x" }), true);
  const routed = { mode: "routed", link: "br0", vlan: "" };
  spec.nics[0]!.nicparams = routed;
  assertEquals(await said({ mode: "bridged", link: "br0" }), false);
});

Deno.test("planIdentity() records what a master says of a disk", async () => {
  const [object] = disk(0, 12);
  const spec = { disks: [[object, null, "nbd://h/x"]] };
  const said = { ...object, uuid: DISK, size: 128, hvinfo: undefined };
  const answer = {
    object: JSON.stringify(said),
    link: "/link",
    uri: "nbd://h/x",
  };
  const more = { uri: "nbd://h/x", said: answer };
  const { hvinfo } = object;
  assertEquals(await planned(spec, more), [
    { ...JSON.parse(answer.object), hvinfo },
    "/link",
    "nbd://h/x",
  ]);
  const bare = { uri: "nbd://h/x", said: { object: answer.object } };
  assertEquals(await planned(spec, bare), [
    { ...JSON.parse(answer.object), hvinfo },
    null,
    null,
  ]);
});
