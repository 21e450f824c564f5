import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { hvinfoOf } from "../../lib/device/hvinfo.ts";
import {
  type LiveProperties,
  propertyDifferences,
  propertyPlan,
  readProperties,
} from "../../lib/plan/compare_properties.ts";
import type { QmpSession } from "../../lib/qmp/client.ts";
import { QmpCommandError } from "../../lib/qmp/errors.ts";
import type { Command } from "../../lib/qmp/session_options.ts";
import type { Plain } from "../../lib/state/json.ts";
import { compared, type ComparisonSpec } from "../support/comparison.ts";
import {
  disk,
  idOf,
  nic,
  type PlainObject,
  present,
  refusal,
  stepOf,
} from "../support/facts.ts";
import { known } from "../support/steps.ts";

/** A NIC with these keys in its hvinfo besides. */
function card(more: PlainObject) {
  const { hvinfo, ...rest } = nic(0, 13);
  return { ...rest, hvinfo: { ...hvinfo, ...more } };
}

/** A disk with these keys in its hvinfo besides. */
function drive(more: PlainObject) {
  const [object, link, uri] = disk(0, 12);
  return [{ ...object, hvinfo: { ...object.hvinfo, ...more } }, link, uri];
}

function told(
  spec: ComparisonSpec,
  kind: "disk" | "nic",
  live: Readonly<Record<string, string | null>>,
) {
  const properties = new Map<string, LiveProperties>([
    [idOf(kind, 0), new Map(Object.entries(live))],
  ]);
  const given = compared({ ...spec, properties });
  const { disks, nics } = given.content.runtime;
  const entry = present<typeof disks[0] | typeof nics[0]>(
    kind === "disk" ? disks[0] : nics[0],
  );
  return propertyDifferences(given, entry);
}

Deno.test("propertyDifferences() tells both values", () => {
  const nics = [card({ host_mtu: 1400 })];
  const [one, ...more] = told({ nics }, "nic", { host_mtu: "0" });
  assertEquals(more, []);
  const { code, message, mend, device } = present(one);
  assertEquals(
    [code, mend, device?.id],
    [
      "property",
      {
        word: "property",
        subject: "host_mtu",
        did: "recorded host_mtu 0",
      },
      idOf("nic", 0),
    ],
  );
  assertEquals(
    message,
    `NIC 0 (${idOf("nic", 0)}) is recorded with host_mtu 1400, but QEMU has 0`,
  );
});

/** What is recorded, what QEMU has, and whether that is the same. */
const VALUES: readonly [Plain, string | null | undefined, "same" | "other"][] =
  [
    [4, "4", "same"],
    ["4", "4", "same"],
    [4, "2", "other"],
    ["0x5000c50015ea71ac", "5764824127192592812", "same"],
    ["5764824127192592812", "5764824127192592813", "other"],
    [-1, "-1", "same"],
    ["on", "on", "same"],
    ["yes", "on", "same"],
    ["on", "off", "other"],
    ["auto", "off", "same"],
    ["S1", "S1", "same"],
    ["S1", "s1", "other"],
    ["io0", "io0", "same"],
    ["io0", "", "other"],
    ["io0", null, "other"],
    // QEMU does not tell.
    ["io0", undefined, "same"],
  ];

Deno.test("propertyDifferences() knows how QEMU writes a value", () => {
  for (const [recorded, live, expected] of VALUES) {
    const disks = [drive({ x: recorded })];
    const found = told(
      { disks },
      "disk",
      live === undefined ? {} : { x: live },
    );
    assertEquals(
      found.length === 0 ? "same" : "other",
      expected,
      JSON.stringify([recorded, live]),
    );
  }
});

Deno.test("propertyDifferences() compares no place and no backend", () => {
  const beside = { drive: "x", "write-cache": "off", netdev: "y", mac: "z" };
  const live = { drive: "", "write-cache": "on", netdev: "", mac: "" };
  const disks = [drive({ ...beside, channel: 0 })];
  assertEquals(told({ disks }, "disk", { ...live, channel: "9" }), []);
});

Deno.test("propertyDifferences() tells of what Ganeti's start cannot have", () => {
  for (
    const [bad, why] of [["a,b", /a comma/], [
      true,
      /a text or a number/,
    ]] as const
  ) {
    const [one] = told({ disks: [drive({ x: bad })] }, "disk", {});
    const { code, message, mend } = present(one);
    assertEquals([code, mend], ["hvinfo", undefined]);
    assertMatch(message, why);
  }
});

/** QEMU's answers by property; null: an error. */
function answering(values: PlainObject, names: readonly string[] | null) {
  const asked: Command[][] = [];
  const answer = ({ execute, args, ifRefused }: Command) => {
    const property = String(args?.property);
    const value = execute === "qom-list"
      ? names?.map((name) => ({ name, type: "x" }))
      : values[property];
    if (value !== undefined) return value;
    if (ifRefused === "nothing") return undefined;
    throw new QmpCommandError(execute, "", "");
  };
  const qmp = {
    executeAll(commands: Command[]) {
      asked.push(commands);
      return Promise.resolve(commands.map(answer));
    },
  } as unknown as QmpSession;
  return { qmp, asked };
}

Deno.test("readProperties() asks once, and only for what is recorded", async () => {
  const { qemu, content: { runtime } } = compared({
    disks: [drive({ iothread: "io0", mq: "on", gone: 1, silent: 2 })],
    nics: [nic(0, 13)],
  });
  const { disks, nics } = runtime;
  const { qmp, asked } = answering(
    { iothread: "/objects/io0", mq: true },
    ["iothread", "mq", "silent"],
  );
  const live = await readProperties(qmp, qemu, [...disks, ...nics]);
  assertEquals(asked.map((one) => one.length), [5]);
  assertEquals(
    Object.fromEntries(present(live.get(idOf("disk", 0)))),
    { iothread: "io0", mq: "on", gone: null },
  );
  assertEquals(live.get(idOf("nic", 0)), undefined);
  await readProperties(qmp, qemu, nics);
  assertEquals(asked.length, 1);
  // Without names nothing is known to be missing.
  const mute = answering({}, null);
  const none = await readProperties(mute.qmp, qemu, disks);
  assertEquals(none.get(idOf("disk", 0))?.size, 0);
});

Deno.test("propertyPlan() records what the device has", async () => {
  const rows: readonly [PlainObject, string, Plain, Plain | undefined][] = [
    [{ host_mtu: 1400 }, "host_mtu", 0, 0],
    [{ mq: "off" }, "mq", true, "on"],
    [{ serial: "S1" }, "serial", "S2", "S2"],
    [{ serial: "S1" }, "serial", "", undefined],
    // No start makes it.
    [{ iothread: "io0" }, "iothread", "/objects/io1", undefined],
    [{ gone: 1 }, "gone", null, undefined],
  ];
  for (const [recorded, key, live, after] of rows) {
    const given = compared({ disks: [drive({ bootindex: 3, ...recorded })] });
    const [entry] = given.content.runtime.disks;
    const values = live === null ? {} : { [key]: live };
    const { qmp } = answering(values, ["bootindex", "mq", "serial"]);
    const live_ = await readProperties(qmp, given.qemu, [present(entry)]);
    const all = { ...given, properties: live_ };
    const one = propertyDifferences(all, present(entry))
      .find(({ mend }) => mend?.subject === key);
    const plan = known(
      present(await propertyPlan(given, present(one), qmp)),
      given.paths,
    );
    const { change } = stepOf(plan, "stage-state");
    if (change.change !== "members") throw new Error(change.change);
    const hvinfo = JSON.parse(change.members.hvinfo ?? "");
    assertEquals([hvinfo[key], hvinfo.bootindex], [after, 3], key);
    assertEquals(plan.ifCut, "finish");
  }
});

Deno.test("propertyDifferences() leaves to a person what no file can have", () => {
  const disks = [drive({ serial: "S1" })];
  const [one] = told({ disks }, "disk", { serial: "a,b" });
  const { mend, hint } = present(one);
  assertEquals(mend, undefined);
  assertStringIncludes(hint ?? "", "remove it");
});

Deno.test("hvinfoOf() refuses a property that no start could have", () => {
  const place = { bus: "pci.0", slot: 12 };
  const about = { driver: "virtio-blk-pci", id: "disk-1", place };
  for (const serial of ["a,b", 'a"b', "a'b"]) {
    refusal("refused", () => hvinfoOf({ ...about, properties: { serial } }));
  }
});
