import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { identitiesAt, identityOf, leadOf } from "../../lib/host/identity.ts";
import { ShortageError } from "../../lib/sys/errno.ts";
import { statPath } from "../../lib/sys/file.ts";
import { withFreeFds } from "../lab/free_fds.ts";
import { expectFds, openFds, TempDir } from "../sys/support.ts";

Deno.test("leadOf() tells what lies at a path, whatever the path is", async () => {
  using dir = new TempDir();
  const path = dir.file("disk", "disk");
  const identity = identityOf(statPath(path));
  assertMatch(identity, /^file /);
  const before = openFds();
  assertEquals(await leadOf(path), { identity });
  Deno.symlinkSync(path, dir.at("link"));
  assertEquals(await leadOf(dir.at("link")), { identity });
  for (const none of [dir.at("none"), `${path}/x`, `${path}\0`]) {
    assertEquals(await leadOf(none), { identity: undefined });
  }
  const paths = [null, path, dir.at("none")];
  assertEquals(await identitiesAt(paths), [undefined, identity, undefined]);
  // That our own process lacks something says nothing of the file.
  await withFreeFds(0, async () => {
    await assertRejects(() => leadOf(path), ShortageError);
  });
  await expectFds(before);
});
