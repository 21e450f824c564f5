/** What is to be given back where the VM does not run. */
import { assertEquals } from "@std/assert";
import { commonPlan } from "../../lib/compare/common.ts";
import { compareAlone, comparePresence } from "../../lib/compare/whole.ts";
import type { World } from "../../lib/engine/world.ts";
import type { AnyStep } from "../../lib/kinds.ts";
import type { Difference } from "../../lib/plan/difference.ts";
import { type InstancePaths, instancePaths } from "../../lib/state/instance.ts";
import {
  backend,
  disk,
  idOf,
  nic,
  present,
  runtime,
  uuidOf,
} from "../support/facts.ts";
import { unless } from "../support/left_out.ts";

/** The tool's own record must be root's. */
const NOT_ROOT = Deno.uid() === 0 ? undefined : "not root";

const UUID = uuidOf("disk", 1);
const GIVEN = {
  ...{ way: "chown", path: "/srv/d1.img", inode: "0:5 77 0:0" },
  ...{ from: 0, to: 4001 },
};

/** Runs with the folders of an instance, and these files in them. */
async function onNode(
  files: Readonly<Record<string, string>>,
  devices: Readonly<Record<string, unknown>> | undefined,
  check: (paths: InstancePaths) => Promise<void>,
): Promise<void> {
  const runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-alone-" });
  try {
    const paths = instancePaths(runDir, "vm1");
    for (const [name, text] of Object.entries(files)) {
      const path = `${runDir}/kvm-hypervisor/${name}`;
      Deno.mkdirSync(path.replace(/\/[^/]*$/, ""), { recursive: true });
      Deno.writeTextFileSync(path, text);
    }
    if (devices !== undefined) {
      Deno.mkdirSync(`${runDir}/kvm-hotplug`, { mode: 0o700 });
      const record = JSON.stringify({ version: 1, qemu: null, devices });
      const path = `${runDir}/kvm-hotplug/vm1.json`;
      Deno.writeTextFileSync(path, record, { mode: 0o600 });
    }
    await check(paths);
  } finally {
    Deno.removeSync(runDir, { recursive: true });
  }
}

const NO_WORLD = undefined as unknown as World;

/** The plan for a difference: its title and the names of its steps. */
async function planned(
  { plan }: Awaited<ReturnType<typeof compareAlone>>,
  difference: Difference,
): Promise<string[]> {
  const made = present(await plan(difference, NO_WORLD));
  const kinds = (made.steps as AnyStep[]).map(({ kind }) => kind);
  return [made.title, ...kinds];
}

Deno.test("compareAlone() finds files that only an interrupted change can leave", async () => {
  const staged = "conf/vm1.runtimeabcdefgh.new";
  const files = {
    [staged]: "",
    "nic/vm1/3.new": "",
    "conf/vm1.runtime": "",
    "conf/vm2.runtimeabcdefgh.new": "",
    "nic/vm1/3": "tap0",
  };
  await onNode(files, undefined, async (paths) => {
    const compared = await compareAlone(paths);
    const { differences } = compared;
    const below = `${paths.runDir}/kvm-hypervisor`;
    const left = [`${below}/${staged}`, `${below}/nic/vm1/3.new`];
    assertEquals(differences.map(({ code }) => code), ["leftover", "leftover"]);
    assertEquals(differences.map(({ mend }) => mend?.subject), left);
    const [first] = differences;
    assertEquals(await planned(compared, present(first)), [
      ...[left[0]!, "remove-leftover"],
    ]);
  });
  await onNode({}, undefined, async (paths) => {
    assertEquals((await compareAlone(paths)).differences, []);
  });
});

Deno.test({
  ...unless(
    NOT_ROOT,
    "compareAlone() gives back what a VM that is gone was given",
  ),
  async fn() {
    const devices = {
      [UUID]: { kind: "disk", via: "chown", access: GIVEN },
      [uuidOf("disk", 2)]: { kind: "disk", words: ["-x", "y"] },
    };
    await onNode({}, devices, async (paths) => {
      const compared = await compareAlone(paths);
      const { differences } = compared;
      assertEquals(differences.map(({ code }) => code), ["own-record"]);
      const [lost] = differences;
      assertEquals(await planned(compared, present(lost)), [
        ...[`the record of ${UUID}`, "return-owner", "own-record"],
      ]);
      const odd = { ...present(lost), mend: { word: "odd", did: "x" } };
      assertEquals(await compared.plan(odd, NO_WORLD), undefined);
    });
  },
});

Deno.test("commonPlan() removes an fd set, and a leftover", () => {
  const paths = instancePaths("/run/g", "vm1");
  const plan = (word?: string, subject = "7") =>
    commonPlan(paths, {
      ...{ code: "x", device: null, message: "m", hint: "h" },
      ...(word !== undefined && { mend: { word, subject, did: "d" } }),
    });
  const set = present(plan("fd-set"));
  assertEquals([set.instance, set.title], ["vm1", "fd set 7"]);
  const [step] = set.steps as AnyStep[];
  assertEquals(step?.kind === "qmp" && [step.execute, step.arguments], [
    ...["remove-fd", { "fdset-id": 7 }],
  ]);
  const left = present(plan("leftover", "/x"));
  assertEquals([left.title, left.steps.length], ["/x", 1]);
  assertEquals([plan("odd"), plan()], [undefined, undefined]);
});

Deno.test("comparePresence() tells only which recorded devices QEMU lacks", () => {
  const paths = instancePaths("/run/g", "vm1");
  const file = runtime({
    disks: [disk(0, 12), disk(1, 13, { hvinfo: {} })],
    nics: [nic(0, 14)],
  });
  const lacking = (ids: string[], block = [backend(0)]) =>
    comparePresence(file, { deviceIds: new Set(ids), block }, paths)
      .map(({ code, device }) => `${code} ${device?.id}`);
  const [first, card] = [idOf("disk", 0), idOf("nic", 0)];
  assertEquals(lacking([first, card]), []);
  assertEquals(lacking([card], []), [`not-in-qemu ${first}`]);
  assertEquals(lacking([first]), [`not-in-qemu ${card}`]);
});

Deno.test("comparePresence() finds a CD drive without an id, whatever lies in it", () => {
  const words = ["-device", "scsi-cd,drive=cdrom1"];
  const node = "driver=raw,node-name=cdrom1,file.driver=file,file.filename=/i";
  const { kvmCmd, ...rest } = runtime({});
  const file = { ...rest, kvmCmd: [...kvmCmd, "-blockdev", node, ...words] };
  const lacking = (qdev: string) => {
    const block = [backend(0, { qdev, nodeName: "medium-cdrom1-a" })];
    const qemu = { deviceIds: new Set<string>(), block };
    return comparePresence(file, qemu, instancePaths("/run/g", "vm1"))
      .map(({ device }) => device?.id);
  };
  assertEquals(lacking("/machine/peripheral-anon/device[0]"), []);
  assertEquals(lacking("/machine/peripheral-anon/device[1]"), ["cdrom1"]);
});
