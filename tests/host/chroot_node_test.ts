/** The node in QEMU's root directory, removed half-way and moved away. */
import { remarkText } from "../../lib/errors.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { type ChrootNode, inodeKey } from "../../lib/host/access_record.ts";
import {
  makeChrootNode,
  removeChrootNode,
} from "../../lib/host/chroot_node.ts";
import { World, type WorldOptions } from "../../lib/engine/world.ts";
import { statPath } from "../../lib/sys/file.ts";
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
      assertMatch(said, /disk-d0000001 is not the node .* rm /);
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
