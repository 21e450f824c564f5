import { assertEquals } from "@std/assert";
import {
  type ChrootNode,
  type GivenOwner,
  identityReached,
  inodeKey,
} from "../../lib/host/access_record.ts";
import { identityOf } from "../../lib/host/identity.ts";
import { mknodBlock, openFile, statPath } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { TempDir } from "../sys/support.ts";

Deno.test("identityReached() is the identity of what was given", () => {
  using dir = new TempDir();
  using folder = openFile(dir.path, O.PATH | O.DIRECTORY);
  // A device number that no driver has: nobody opens the node.
  mknodBlock("node", { dir: folder, rdev: "240:77", mode: 0o600 });
  for (const path of [dir.file("disk", "disk"), dir.at("node")]) {
    const status = statPath(path);
    const given = { way: "chown", path, inode: inodeKey(status) };
    assertEquals(identityReached(given as GivenOwner), identityOf(status));
  }
  const node = { way: "mknod", rdev: "240:77" } as ChrootNode;
  assertEquals(identityReached(node), identityOf(statPath(dir.at("node"))));
});
