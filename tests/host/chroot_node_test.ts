/** The node in QEMU's root directory, removed half-way and moved away. */
import { HotplugError, remarkText } from "../../lib/errors.ts";
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { type ChrootNode, inodeKey } from "../../lib/host/access_record.ts";
import {
  hasChrootNode,
  hasNodeTraces,
  makeChrootNode,
  removeChrootNode,
} from "../../lib/host/chroot_node.ts";
import { World, type WorldOptions } from "../../lib/engine/world.ts";
import { SysError } from "../../lib/sys/errno.ts";
import { mknodBlock, openFile, statPath } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { unmount } from "../../lib/sys/mount.ts";
import { openFds } from "../sys/support.ts";
import { kindOf, STEPS } from "../support/steps.ts";

/** A device number that no driver has: nobody opens the node. */
const RDEV = "240:77";

const NO_QEMU: WorldOptions = {
  qmpPath: "",
  timeoutMs: 1,
  unplugTimeoutMs: 1,
  steps: STEPS,
};

/** A root directory as Ganeti makes it, with a node in it. */
async function withNode(
  body: (node: ChrootNode, runDir: string) => Promise<void>,
): Promise<void> {
  const runDir = await Deno.makeTempDir({ prefix: "kvm-hotplug-" });
  try {
    const root = `${runDir}/chroot/vm1`;
    await Deno.mkdir(root, { recursive: true, mode: 0o700 });
    const node: ChrootNode = {
      way: "mknod",
      root,
      rootInode: inodeKey(statPath(root)),
      name: "disk-d0000001",
      rdev: RDEV,
      uid: 30_001,
      kind: "node",
      rootMode: 0o700,
    };
    makeChrootNode(node);
    await body(node, runDir);
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
}

function modeOf(path: string): string {
  return ((Deno.statSync(path).mode ?? 0) & 0o7777).toString(8);
}

async function confirm(
  step: { readonly kind: "remove-node"; readonly node: ChrootNode },
): Promise<string> {
  using world = new World(undefined, NO_QEMU);
  return await kindOf(step).confirm(step, world);
}

Deno.test("confirm() of a removed node sees a directory that was left passable", async () => {
  await withNode(async (node) => {
    const step = { kind: "remove-node", node } as const;
    assertEquals(await confirm(step), "not-done");
    // As a kill between the two leaves it.
    await Deno.remove(`${node.root}/${node.name}`);
    assertEquals([modeOf(node.root), await confirm(step)], ["711", "not-done"]);
    using world = new World(undefined, NO_QEMU);
    await kindOf(step).do(step, world);
    assertEquals([modeOf(node.root), await confirm(step)], ["700", "done"]);
  });
});

Deno.test("remove-node finds the directory where Ganeti has moved it", async () => {
  await withNode(async (node, runDir) => {
    const moved = `${runDir}/chroot-quarantine/vm1-1700000000-x`;
    await Deno.mkdir(`${runDir}/chroot-quarantine`);
    await Deno.mkdir(`${runDir}/chroot-quarantine/other`);
    await Deno.symlink("/", `${runDir}/chroot-quarantine/link`);
    await Deno.rename(node.root, moved);
    // The next start made another one under the old path.
    await Deno.mkdir(node.root, { mode: 0o700 });
    const step = { kind: "remove-node", node } as const;
    assertEquals(await confirm(step), "not-done");
    using world = new World(undefined, NO_QEMU);
    await kindOf(step).do(step, world);
    assertEquals([...Deno.readDirSync(moved)], []);
    assertEquals([modeOf(moved), await confirm(step)], ["700", "done"]);
  });
});

Deno.test("remove-node leaves another node of that name, and says so", async () => {
  await withNode(async (node) => {
    const path = `${node.root}/${node.name}`;
    const step = { kind: "remove-node", node } as const;
    const removed = async () => {
      using world = new World(undefined, NO_QEMU);
      await kindOf(step).do(step, world);
      return world.leftAlone.map(remarkText);
    };
    const others = [
      () => Deno.chownSync(path, 0, 0),
      () => Deno.chmodSync(path, 0o660),
      () => {
        Deno.removeSync(path);
        Deno.writeTextFileSync(path, "a file");
      },
    ];
    for (const change of others) {
      change();
      const { inode } = statPath(path);
      const [said = ""] = await removed();
      assertMatch(said, /disk-d0000001 was replaced: .* rm /);
      assertEquals([statPath(path).inode, await confirm(step)], [
        inode,
        "done",
      ]);
      await Deno.remove(path);
      assertEquals(await removed(), []);
      makeChrootNode({ ...node, rootMode: null });
    }
  });
});

Deno.test("remove-node removes a node that a kill left half-made", async () => {
  await withNode(async (node) => {
    const path = `${node.root}/${node.name}`;
    for (const uid of [0, node.uid]) {
      await Deno.chmod(path, 0);
      await Deno.chown(path, uid, 0);
      assertEquals(removeChrootNode(node), undefined);
      assertEquals([...Deno.readDirSync(node.root)], []);
      makeChrootNode(node);
    }
  });
});

/** Mounts in a folder. */
function mountsIn(folder: string): string[] {
  return Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((point) => point.startsWith(`${folder}/`));
}

/** What the making of these nodes has left in /dev. */
function inDev(...nodes: readonly ChrootNode[]): string[] {
  return [...Deno.readDirSync("/dev")].map(({ name }) => name)
    .filter((name) => nodes.some((one) => name.endsWith(one.name)));
}

/** Where a kill may cut the making of a bind mount: what is there then. */
const CUTS = {
  "a node in /dev without its owner": ["node"],
  "a node in /dev": ["node", "owned"],
  "a file to mount onto": ["node", "owned", "file"],
  "the mount, and the node in /dev": ["node", "owned", "file", "mount"],
} as const;

/** Leaves a bind mount half-made. */
function cut(node: ChrootNode, parts: readonly string[]): void {
  const origin = `.kvm-hotplug-${node.name}`;
  if (parts.includes("mount")) makeChrootNode({ ...node, rootMode: null });
  using dev = openFile("/dev", O.PATH | O.DIRECTORY);
  mknodBlock(origin, { dir: dev, rdev: node.rdev, mode: 0 });
  if (!parts.includes("owned")) return;
  Deno.chownSync(`/dev/${origin}`, node.uid, 0);
  Deno.chmodSync(`/dev/${origin}`, 0o600);
  if (!parts.includes("file") || parts.includes("mount")) return;
  Deno.writeTextFileSync(`${node.root}/${node.name}`, "", { mode: 0o600 });
}

for (const [what, parts] of Object.entries(CUTS)) {
  Deno.test(`a second bind mount is removed that a kill left as ${what}`, async () => {
    await withNode(async (node) => {
      await Promise.resolve(removeChrootNode(node));
      // In /dev other runs of the tests have theirs.
      const first = { ...node, kind: "bind", name: `a-${Deno.pid}` } as const;
      const second = { ...first, name: `b-${Deno.pid}`, rootMode: null };
      makeChrootNode(first);
      const path = `${first.root}/${first.name}`;
      assertEquals(mountsIn(node.root), [path]);
      try {
        cut(second, parts);
        const isThere = parts.some((part) => part === "mount");
        const isTraced = parts.some((part) => part === "file");
        assertEquals(hasChrootNode(second), isThere);
        assertEquals(hasNodeTraces(second), isTraced);
        assertEquals(removeChrootNode(second), undefined);
        assertEquals(hasNodeTraces(second), false);
        assertEquals(inDev(first, second), []);
        // The first one is none of its business.
        assertEquals([hasChrootNode(first), mountsIn(node.root)], [true, [
          path,
        ]]);
        assertEquals(modeOf(node.root), "711");
      } finally {
        assertEquals(removeChrootNode(first), undefined);
      }
      assertEquals([mountsIn(node.root), [...Deno.readDirSync(node.root)]], [
        [],
        [],
      ]);
      assertEquals([hasNodeTraces(first), modeOf(node.root)], [false, "700"]);
    });
  });
}

Deno.test("a file in a bind mount's place is another's unless it is empty", async () => {
  await withNode(async (node) => {
    removeChrootNode(node);
    const bind = { ...node, kind: "bind" } as const;
    const path = `${node.root}/${node.name}`;
    const others = [
      () => Deno.writeTextFileSync(path, "x"),
      () => Deno.chownSync(path, 1, 1),
      () => Deno.mkdirSync(path),
    ];
    for (const [at, make] of others.entries()) {
      if (at === 1) Deno.writeTextFileSync(path, "");
      make();
      const told = removeChrootNode(bind);
      assertEquals(told?.code, "node-replaced");
      assertEquals(hasNodeTraces(bind), false);
      await Deno.remove(path);
    }
  });
});

Deno.test("no look at a node keeps a descriptor", async () => {
  await withNode(async (node, runDir) => {
    removeChrootNode(node);
    const bind = { ...node, kind: "bind", name: `a-${Deno.pid}` } as const;
    const kinds = [node, bind];
    const all = () => {
      for (const one of kinds) {
        makeChrootNode(one);
        assertEquals([hasChrootNode(one), hasNodeTraces(one)], [true, true]);
        assertThrows(() => makeChrootNode(one), SysError, "EEXIST");
        removeChrootNode(one);
        assertEquals([hasChrootNode(one), hasNodeTraces(one)], [false, false]);
        const gone = { ...one, rootInode: "0:0 0 0:0" };
        assertThrows(() => makeChrootNode(gone), HotplugError, "another");
        removeChrootNode(gone);
        assertEquals([hasChrootNode(gone), hasNodeTraces(gone)], [
          false,
          false,
        ]);
      }
    };
    await Deno.mkdir(`${runDir}/chroot-quarantine/other`, { recursive: true });
    all();
    const before = openFds();
    all();
    assertEquals([openFds(), inDev(bind)], [before, []]);
  });
});

Deno.test("a node is QEMU's user's alone, and the directory as it was after it", async () => {
  await withNode(async (node) => {
    const path = `${node.root}/${node.name}`;
    const { kind, uid, gid, mode, rdev } = statPath(path);
    assertEquals([kind, uid, gid, mode.toString(8), rdev], [
      ...["block", node.uid, 0, "600", RDEV],
    ]);
    // Somebody gave it other permissions meanwhile: they stay.
    await Deno.chmod(node.root, 0o750);
    removeChrootNode(node);
    assertEquals([modeOf(node.root), hasNodeTraces(node)], ["750", false]);
    // It was passable before: that tells nothing.
    await Deno.chmod(node.root, 0o711);
    assertEquals(hasNodeTraces({ ...node, rootMode: 0o711 }), false);
    assertEquals(hasNodeTraces({ ...node, rootMode: null }), false);
    assertEquals(hasNodeTraces(node), true);

    const bind = { ...node, kind: "bind", name: `a-${Deno.pid}` } as const;
    makeChrootNode(bind);
    const mounted = statPath(`${node.root}/${bind.name}`);
    assertEquals([mounted.kind, mounted.uid, mounted.mode], [
      ...["block", node.uid, 0o600],
    ]);
    using root = openFile(node.root, O.PATH | O.DIRECTORY);
    unmount(root, bind.name);
    const onto = statPath(`${node.root}/${bind.name}`);
    assertEquals([onto.kind, onto.uid, onto.mode, onto.sizeBytes], [
      ...["file", 0, 0o600, 0],
    ]);
    removeChrootNode(bind);
  });
});

Deno.test("makeChrootNode() leaves no node behind that it cannot give away", async () => {
  await withNode(async (node) => {
    await Promise.resolve(removeChrootNode(node));
    const bind = { ...node, kind: "bind", name: `a-${Deno.pid}` } as const;
    for (const one of [node, bind]) {
      // No such number can be passed on to the kernel.
      assertThrows(() => makeChrootNode({ ...one, uid: 2 ** 40 }), TypeError);
    }
    assertEquals([[...Deno.readDirSync(node.root)], inDev(bind)], [[], []]);
  });
});
