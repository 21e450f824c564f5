/**
 * What the executable of release 0.1 left, killed at every line of its
 * journal (tests/testdata/version1), is finished or undone.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { NAME, NEW } from "../lab/runtime_text.ts";
import { cli, type Doc, type Ran } from "../lab/scripted_instance.ts";
import { CHANGES, type Kill, load, names } from "../lab/version1_samples.ts";
import { Version1Vm, type VmState } from "../lab/version1_vm.ts";

/**
 * The first kill of each sample after which the change is finished; before it
 * the change is undone. Null: it is undone after every kill.
 */
const FINISHED_FROM: Readonly<Record<string, string | null>> = {
  "adopt": "do 1, before write",
  "disk-add": "do 4, before write",
  "disk-add-limited": "do 5, before write",
  "disk-add-refused": null,
  "disk-remove": "do 1, before fdatasync",
  "disk-resize": "do 1, before write",
  // It has no turning step, and was not told to have succeeded.
  "disk-set-limits": null,
  "disk-set-medium": "do 4, before write",
  "disk-set-medium-none": "do 0, before write",
  "nic-add": "do 5, before write",
  "nic-add-refused": null,
  "nic-modify": "do 2, before unlinkat",
  "nic-modify-replug": "do 8, before write",
  "nic-remove": "do 1, before fdatasync",
  // A repair goes on with what is out of order, whatever the journal says.
  "repair": "an empty journal, before write",
};

const RECORD = `kvm-hotplug/${NAME}.json`;
const RUNTIME = `kvm-hypervisor/conf/${NAME}.runtime`;

async function repair(vm: Version1Vm): Promise<Ran> {
  const times = ["--unplug-timeout", "1"];
  return await cli(
    ["--run-dir", vm.runDir, "--json", ...times, "repair", NAME],
  );
}

/** A second repair finds nothing to do, and does nothing. */
async function expectQuiet(vm: Version1Vm, state: VmState): Promise<void> {
  await vm.tell({ order: "changes" });
  const { json } = await repair(vm);
  assertEquals(json.repaired, []);
  assertEquals(await vm.tell({ order: "changes" }), []);
  assertEquals(await vm.state(), state);
}

/** A guest that was asked for its NIC may release it yet: that is noted. */
function withReplug(state: VmState): VmState {
  const record = JSON.parse(state.files[RECORD] ?? "{}");
  const replug = { perhaps: "2026-01-02T03:04:05.678Z" };
  const note = { kind: "nic", replug };
  const devices = { ...record.devices, [NEW]: note };
  const qemu = {
    ...{ boot: "00000000-0000-4000-8000-000000000000", pid: 1, start: 0 },
    name: NAME,
  };
  const text = JSON.stringify({ version: 1, qemu, devices }, null, 1);
  return { ...state, files: { ...state.files, [RECORD]: `${text}\n` } };
}

function expectRepaired(
  ran: Ran,
  sample: string,
  end: "finished" | "undone",
): void {
  // Nobody has recorded what adopting was to record.
  const isUnrecorded = sample === "adopt" && end === "undone";
  assertEquals(ran.status, isUnrecorded ? 7 : 0, ran.out);
  const remaining = ran.json.remaining as { what: string }[];
  assertEquals(remaining.length, isUnrecorded ? 2 : 0, ran.out);
  for (const { what } of remaining) assertMatch(what, /does not record/);
  const repaired = ran.json.repaired as { did: string }[];
  if (sample === "repair") return;
  const [{ did } = { did: "" }, ...more] = repaired;
  assertEquals(more, []);
  const word = end === "finished" ? /^finished$/ : /^(?:taken back|forgotten)$/;
  assertMatch(did, word);
}

/** Blanks between the words of a runtime file mean nothing. */
function compact(state: VmState): VmState {
  const text = state.files[RUNTIME]?.replaceAll(
    /("(?:[^"\\]|\\.)*")|\s+/g,
    (_, quoted = "") => quoted,
  ) ?? "";
  return { ...state, files: { ...state.files, [RUNTIME]: text } };
}

/** Repairs after one kill, and looks at all that there is then. */
async function follow(
  vm: Version1Vm,
  name: string,
  { before, done, kill, isFinished }: {
    readonly before: VmState;
    readonly done: VmState;
    readonly kill: Kill;
    readonly isFinished: boolean;
  },
): Promise<void> {
  await vm.load(kill.state);
  const ran = await repair(vm);
  expectRepaired(ran, name, isFinished ? "finished" : "undone");
  const state = await vm.state();
  const mayLeave = name === "nic-modify-replug" &&
    kill.at === "do 4, before fdatasync";
  const undone = mayLeave ? withReplug(before) : before;
  assertEquals(compact(state), compact(isFinished ? done : undone));
  await expectQuiet(vm, state);
}

Deno.test("repair finishes or undoes what release 0.1 left", async (t) => {
  await using vm = await Version1Vm.open();
  assertEquals(names(), Object.keys(CHANGES).sort());
  for (const name of names()) {
    await t.step(name, async () => {
      const { before, done, kills } = load(name);
      assert(kills.length >= 6, `${kills.length} kills`);
      const from = FINISHED_FROM[name];
      const first = kills.findIndex(({ at }) => at === from);
      assertEquals(first < 0, from === null, `no kill ${from}`);
      for (const [k, kill] of kills.entries()) {
        const isFinished = first >= 0 && k >= first;
        try {
          await follow(vm, name, { before, done, kill, isFinished });
        } catch (error) {
          throw new Error(`${name}, killed at: ${kill.at}`, { cause: error });
        }
      }
    });
  }
});

Deno.test("repair leaves a removal of release 0.1 pending", async (t) => {
  await using vm = await Version1Vm.open();
  for (const name of ["disk-remove", "nic-remove"]) {
    await t.step(name, async () => {
      const { before, kills } = load(name);
      const kill = kills.find(({ at }) => at === "do 1, before fdatasync");
      if (kill === undefined) throw new Error("there is no such kill");
      await vm.load(kill.state, "is silent");
      const ran = await repair(vm);
      const [{ did } = { did: "" }] = ran.json.repaired as { did: string }[];
      assertMatch(did, /^left pending/);
      const state = await vm.state();
      assertEquals(state.files[RUNTIME], before.files[RUNTIME]);
      assertEquals(state.qemu, before.qemu);
      const record = JSON.parse(state.files[RECORD] ?? "{}") as Doc;
      const devices = record.devices as Record<string, Doc>;
      assert(devices[NEW]?.pending);
      await expectQuiet(vm, state);
    });
  }
});
