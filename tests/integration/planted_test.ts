/**
 * What somebody planted where the tool has its files, or Ganeti its own:
 * nothing is followed, opened for good, or overwritten. INTERFACE, "Safety".
 */
import { assert, assertEquals } from "@std/assert";
import { type ChrootNode, inodeKey } from "../../lib/host/access_record.ts";
import { makeChrootNode } from "../../lib/host/chroot_node.ts";
import { changeDiskLinks } from "../../lib/host/disk_link.ts";
import { changeNicFiles } from "../../lib/host/nic_file.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { JournalFile } from "../../lib/state/journal_file.ts";
import { changeOwnRecord } from "../../lib/state/own_record.ts";
import { mknodBlock, openFile, statPath } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { Instance, NAME, NEW } from "../lab/scripted_instance.ts";

/** What is planted; a link leads to something that must stay as it is. */
const PLANTS = [
  ...["link", "dangling link", "fifo", "directory", "device"],
  ...["of another user", "readable", "empty file"],
] as const;
type Plant = typeof PLANTS[number];

/** Longer takes nothing here, unless it waits for a FIFO's other end. */
const HANGS_MS = 10_000;

const TEXT = "tap9";

function run(program: string, ...args: string[]): void {
  const { success, stderr } = new Deno.Command(program, { args }).outputSync();
  assert(success, new TextDecoder().decode(stderr));
}

/** Plants at a path, in place of what is there. */
function plant(path: string, what: Plant, target: string): void {
  const folder = path.slice(0, path.lastIndexOf("/"));
  run("rm", "-rf", path);
  run("mkdir", "-p", "-m", "700", folder);
  if (what === "link") return Deno.symlinkSync(target, path);
  if (what === "dangling link") return Deno.symlinkSync(`${target}-none`, path);
  if (what === "fifo") return run("mkfifo", "-m", "600", path);
  if (what === "directory") return Deno.mkdirSync(path, { mode: 0o700 });
  if (what === "device") {
    using dir = openFile(folder, O.PATH | O.DIRECTORY);
    // A device number that no driver has: nobody opens the node.
    const name = path.slice(folder.length + 1);
    return mknodBlock(name, { dir, rdev: "240:77", mode: 0o600 });
  }
  Deno.writeTextFileSync(path, "", { mode: 0o600 });
  if (what === "readable") Deno.chmodSync(path, 0o644);
  if (what === "of another user") Deno.chownSync(path, 1000, 1000);
}

/** What links lead to: a folder with a file of the name, and the file. */
function makeTarget(vm: Instance, path: string): { file: string; dir: string } {
  const dir = `${vm.runDir}/victim`;
  const name = path.slice(path.lastIndexOf("/") + 1);
  Deno.mkdirSync(dir, { mode: 0o700 });
  Deno.writeTextFileSync(`${dir}/${name}`, TEXT, { mode: 0o600 });
  return { file: `${dir}/${name}`, dir };
}

/** A path that something can be planted at, and how it is met. */
interface Place {
  readonly at: (vm: Instance) => string;
  /** Whether a link leads to a folder, as what should be there is one. */
  readonly folder?: true;
  /** @returns the status and code, 0 for none, of a call that meets it */
  readonly meet: (vm: Instance) => Promise<string>;
  /** What each plant leads to: `other` all that are not named. */
  readonly ends: { readonly [plant in Plant | "other"]?: string };
}

/** The status and the code of a command. */
async function ends(vm: Instance, ...words: string[]): Promise<string> {
  const hangs = Promise.withResolvers<never>();
  const timer = setTimeout(() => hangs.reject(new Error("hangs")), HANGS_MS);
  try {
    const ran = await Promise.race([vm.cli(...words), hangs.promise]);
    if (ran.status === 0) return "0";
    const { code } = ran.json.error as { code: string };
    return `${ran.status} ${code}`;
  } finally {
    clearTimeout(timer);
  }
}

/** Whether a function goes through, or the code of its error. */
function tried(act: () => void): Promise<string> {
  try {
    act();
    return Promise.resolve("0");
  } catch (error) {
    return Promise.resolve((error as { code: string }).code);
  }
}

const addDisk = (vm: Instance) =>
  ends(vm, "disk", "add", NAME, vm.image(), "--uuid", NEW);
const addNic = (vm: Instance) =>
  ends(vm, "nic", "add", NAME, "--mode", "none", "--uuid", NEW);

const own = (name: string) => (vm: Instance) => `${vm.ownDir}/${NAME}${name}`;
const disks = (vm: Instance) => `${vm.runDir}/instance-disks`;

function changeLink(vm: Instance) {
  const links = { [`${NAME}:1`]: "/dev/null" };
  return tried(() => changeDiskLinks(disks(vm), links));
}

function changeRecord(vm: Instance) {
  const place = instancePaths(vm.runDir, NAME);
  const after = { kind: "disk" } as const;
  return tried(() => changeOwnRecord(place, null, { uuid: NEW, after }));
}

/** Makes a block node in QEMU's root directory, by mknod or by a mount. */
function makeNode(vm: Instance, kind: ChrootNode["kind"]) {
  const root = vm.at("chroot/root");
  return tried(() =>
    makeChrootNode({
      ...{ way: "mknod", root, rootInode: inodeKey(statPath(root)) },
      ...{ name: "disk-1", rdev: "240:77", uid: 30_001, kind, rootMode: null },
    })
  );
}
const nodePath = (vm: Instance) => vm.at("chroot/root/disk-1");

const PLACES: Readonly<Record<string, Place>> = {
  "our directory": {
    at: (vm) => vm.ownDir,
    folder: true,
    meet: addDisk,
    ends: { directory: "0", other: "3 refused" },
  },
  "the lock": {
    at: own(".lock"),
    meet: addDisk,
    ends: { "empty file": "0", other: "3 refused" },
  },
  "the journal": {
    at: own(".journal"),
    meet: addDisk,
    ends: { "empty file": "0", other: "7 interrupted" },
  },
  "a new journal": {
    at: own(".journal"),
    meet: (vm) =>
      tried(() => new JournalFile(instancePaths(vm.runDir, NAME), ["{}"])),
    ends: { other: "state-write-failed" },
  },
  "our record": {
    at: own(".json"),
    meet: addDisk,
    ends: { other: "3 bad-state-file" },
  },
  "our new record": {
    at: own(".json.new"),
    meet: changeRecord,
    ends: { directory: "state-write-failed", other: "0" },
  },
  "the runtime file": {
    at: (vm) => vm.runtimePath,
    meet: addDisk,
    ends: { other: "3 bad-state-file" },
  },
  "the log": {
    at: (vm) => `${vm.runDir}/log`,
    meet: (vm) => ends(vm, "list", NAME, "--log", `${vm.runDir}/log`),
    ends: {
      ...{ "of another user": "0", "readable": "0", "empty file": "0" },
      other: "3 refused",
    },
  },
  "the directory of NIC files": {
    at: (vm) => vm.at(`nic/${NAME}`),
    folder: true,
    meet: addNic,
    ends: { directory: "0", other: "3 refused" },
  },
  "a NIC file": {
    at: (vm) => vm.at(`nic/${NAME}/1`),
    meet: addNic,
    ends: {
      ...{ "of another user": "0", "readable": "0", "empty file": "0" },
      other: "3 refused",
    },
  },
  "a new NIC file": {
    at: (vm) => vm.at(`nic/${NAME}/1.new`),
    meet: (vm) =>
      tried(() =>
        changeNicFiles(vm.at(`nic/${NAME}`), { from: {}, to: { 1: "tap1" } })
      ),
    ends: { directory: "EISDIR", other: "0" },
  },
  "the directory of disk links": {
    at: disks,
    folder: true,
    meet: changeLink,
    ends: { directory: "0", other: "ENOTDIR" },
  },
  "a disk link": {
    at: (vm) => `${disks(vm)}/${NAME}:1`,
    meet: changeLink,
    ends: { "link": "0", "dangling link": "0", other: "refused" },
  },
  "a node in QEMU's root": {
    at: nodePath,
    meet: (vm) => makeNode(vm, "node"),
    ends: { other: "EEXIST" },
  },
  "a mount in QEMU's root": {
    at: nodePath,
    meet: (vm) => makeNode(vm, "bind"),
    ends: { other: "EEXIST" },
  },
};

for (const [title, { at, folder, meet, ends }] of Object.entries(PLACES)) {
  Deno.test(`what is planted in place of ${title}`, async () => {
    const seen: Record<string, string> = {};
    const wanted: Record<string, string> = {};
    for (const what of PLANTS) {
      await using vm = new Instance();
      Deno.mkdirSync(vm.ownDir, { mode: 0o700 });
      const path = at(vm);
      const { file, dir } = makeTarget(vm, path);
      plant(path, what, folder ? dir : file);
      wanted[what] = ends[what] ?? ends.other ?? "";
      seen[what] = await meet(vm);
      assertEquals(Deno.readTextFileSync(file), TEXT);
      assertEquals([...Deno.readDirSync(dir)].length, 1, what);
      // Refused: it still is as it was planted.
      if (seen[what] === "0" || what !== "fifo") continue;
      assert(Deno.lstatSync(path).isFifo);
    }
    assertEquals(seen, wanted);
  });
}

Deno.test("our directory must be root's alone", async () => {
  for (const [uid, mode] of [[1000, 0o700], [0, 0o755], [0, 0o770]] as const) {
    await using vm = new Instance();
    Deno.mkdirSync(vm.ownDir);
    Deno.chmodSync(vm.ownDir, mode);
    Deno.chownSync(vm.ownDir, uid, uid);
    assertEquals(await addDisk(vm), "3 refused");
    assertEquals([...Deno.readDirSync(vm.ownDir)], []);
  }
});

Deno.test("a tap's name is not read through a link", async () => {
  await using vm = new Instance();
  const path = vm.at(`nic/${NAME}/0`);
  plant(path, "link", makeTarget(vm, path).file);
  const { out } = await vm.cli("list", NAME);
  assertEquals(out.includes(TEXT), false, out);
});
