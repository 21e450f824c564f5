import { assertEquals, assertRejects } from "@std/assert";
import { identityOf } from "../../lib/host/identity.ts";
import { aliasesOf } from "../../lib/host/loop.ts";
import { ShortageError } from "../../lib/sys/errno.ts";
import { statPath } from "../../lib/sys/file.ts";
import { withFreeFds } from "../lab/free_fds.ts";
import { unless, withoutDevice } from "../support/left_out.ts";
import { expectFds, openFds, run, TempDir } from "../sys/support.ts";

const LOOPS = withoutDevice("/dev/loop-control");

Deno.test({
  ...unless(LOOPS, "aliasesOf() finds what else leads to the same data"),
  async fn() {
    using dir = new TempDir();
    const path = dir.file("image", "x".repeat(4096));
    const other = dir.file("other", "x".repeat(4096));
    const loops: string[] = [];
    const loop = (file: string, ...words: string[]) => {
      loops.push(run("losetup", "--find", "--show", ...words, file));
      return loops.at(-1) ?? "";
    };
    const aliases = async (from: string, access: "rw" | "ro") =>
      (await aliasesOf(identityOf(statPath(from)), access))
        .map((one) => one.path).sort();
    try {
      const [lower, reads] = [loop(path), loop(path, "--read-only")];
      const upper = loop(lower);
      loop(other);
      const before = openFds();
      assertEquals(await aliases(path, "rw"), [lower, reads, upper].sort());
      assertEquals(await aliases(path, "ro"), [lower, upper].sort());
      assertEquals(await aliases(upper, "ro"), [path, lower].sort());
      assertEquals(await aliases(reads, "ro"), [path, lower, upper].sort());
      assertEquals(await aliases(dir.path, "rw"), []);
      // What our own process lacks says nothing of a device.
      await withFreeFds(1, async () => {
        await assertRejects(() => aliases(path, "rw"), ShortageError);
      });
      await expectFds(before);
    } finally {
      for (const one of loops.toReversed()) run("losetup", "--detach", one);
    }
  },
});
