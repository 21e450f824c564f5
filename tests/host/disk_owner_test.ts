/** Giving a disk to QEMU's user, and back, however often. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import { type GivenOwner, inodeKey } from "../../lib/host/access_record.ts";
import { giveOwner, ownerNow, returnOwner } from "../../lib/host/disk_owner.ts";
import { openFile, statPath } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { expectFds, openFds, TempDir } from "../sys/support.ts";

const [FROM, TO, OTHER] = [30_001, 30_002, 30_003];

/** A disk of `FROM`, as it is recorded. */
function givenDisk(dir: TempDir): GivenOwner {
  const path = dir.file("disk", "disk");
  Deno.chownSync(path, FROM, 7);
  const inode = inodeKey(statPath(path));
  return { way: "chown", path, inode, from: FROM, to: TO };
}

function ownerOf(path: string): string {
  const { uid, gid } = Deno.lstatSync(path);
  return `${uid}:${gid}`;
}

Deno.test("giveOwner() and returnOwner() may both be repeated", async () => {
  using dir = new TempDir();
  const given = givenDisk(dir);
  const before = openFds();
  for (const _ of [1, 2]) {
    await giveOwner(given);
    assertEquals([ownerOf(given.path), await ownerNow(given)], [
      `${TO}:7`,
      TO,
    ]);
  }
  for (const _ of [1, 2]) {
    assertEquals(await returnOwner(given), undefined);
    assertEquals([ownerOf(given.path), await ownerNow(given)], [
      `${FROM}:7`,
      FROM,
    ]);
  }
  await expectFds(before);
});

Deno.test("a disk that is somebody else's by now stays so", async () => {
  using dir = new TempDir();
  const given = givenDisk(dir);
  Deno.chownSync(given.path, OTHER, 7);
  await assertRejects(() => giveOwner(given), HotplugError, `uid ${OTHER}`);
  const told = await returnOwner(given);
  assertEquals(told?.code, "owner-changed");
  assertStringIncludes(told?.hint ?? "", `chown ${FROM} ${given.path}`);
  assertEquals(ownerOf(given.path), `${OTHER}:7`);
});

Deno.test("a disk is known by its inode, not by its path", async () => {
  using dir = new TempDir();
  const given = givenDisk(dir);
  using pinned = openFile(given.path, O.PATH);
  const moved = dir.at("moved");
  Deno.renameSync(given.path, moved);
  const before = openFds();
  const meet = async () => {
    await assertRejects(() => giveOwner(given), HotplugError, "another file");
    assertEquals(await ownerNow(given), undefined);
    const told = await returnOwner(given);
    assertEquals(told?.code, "owner-moved");
    assertStringIncludes(told?.hint ?? "", `chown ${FROM}`);
  };
  await meet();
  // A link is not followed, even if it leads to the disk.
  Deno.symlinkSync(moved, given.path);
  await meet();
  Deno.removeSync(given.path);
  dir.file("disk", "another");
  Deno.chownSync(given.path, FROM, 7);
  await meet();
  assertEquals([ownerOf(given.path), ownerOf(moved)], [
    `${FROM}:7`,
    `${FROM}:7`,
  ]);
  await giveOwner(given, pinned);
  assertEquals(ownerOf(moved), `${TO}:7`);
  assertEquals(await returnOwner(given, pinned), undefined);
  assertEquals([ownerOf(given.path), ownerOf(moved)], [
    `${FROM}:7`,
    `${FROM}:7`,
  ]);
  // One that is pinned and is another counts for nothing.
  using another = openFile(given.path, O.PATH);
  assertEquals((await returnOwner(given, another))?.code, "owner-moved");
  another.close();
  await expectFds(before);
});
