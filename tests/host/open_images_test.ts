import { assertEquals } from "@std/assert";
import { identityOf } from "../../lib/host/identity.ts";
import { knownSize, openImages } from "../../lib/host/open_images.ts";
import { statPath } from "../../lib/sys/file.ts";
import { unless, withoutDevice } from "../support/left_out.ts";
import { expectFds, openFds, run, TempDir } from "../sys/support.ts";

/** Has the first file open twice, with QEMU's lock on one; the second without. */
const HOLDS = `
import fcntl, os, struct, sys
fds = [os.open(path, os.O_RDONLY) for path in (sys.argv[1:2] * 2 + sys.argv[2:])]
lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 100, 1, 0)
fcntl.fcntl(fds[0], 37, lock)
print(*fds, flush=True)
sys.stdin.read()
`;

Deno.test("openImages() tells what QEMU has locked, each image once", async () => {
  using dir = new TempDir();
  const path = dir.file("disk", "x".repeat(1536));
  const child = new Deno.Command("python3", {
    args: ["-c", HOLDS, path, dir.file("log", "no image")],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const said = child.stdout.getReader();
  const { value } = await said.read();
  const [locked, other] = new TextDecoder().decode(value).split(" ").map(
    Number,
  );
  const before = openFds();
  const [image, ...more] = await openImages(child.pid);
  await expectFds(before);
  const { fds = [], ...rest } = image ?? {};
  assertEquals(more, []);
  assertEquals(rest, {
    ...{ identity: identityOf(statPath(path)), kind: "file" as const, path },
    ...{ sizeBytes: 1536, lock: "held" as const },
  });
  assertEquals(fds.includes(locked ?? -1), true);
  assertEquals(fds.every((fd) => [locked, other].includes(fd)), true);
  await child.stdin.close();
  await said.cancel();
  await child.status;
  assertEquals(await openImages(child.pid), []);
});

const LOOPS = withoutDevice("/dev/loop-control");

Deno.test({
  ...unless(LOOPS, "openImages() takes every block device, and its whole size"),
  async fn() {
    using dir = new TempDir();
    const path = dir.file("disk", "x".repeat(1536));
    const loop = run("losetup", "--find", "--show", path);
    const child = new Deno.Command("python3", {
      args: ["-c", HOLDS, path, loop],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    try {
      const said = child.stdout.getReader();
      await said.read();
      await said.cancel();
      const [file, device] = await openImages(child.pid);
      assertEquals([file?.path, device?.path], [path, loop]);
      assertEquals(device?.identity, identityOf(statPath(loop)));
      assertEquals(
        [device?.kind, device?.sizeBytes, device?.lock],
        ["block", 1536, undefined],
      );
      assertEquals(knownSize(statPath(loop)), 1536);
      assertEquals(knownSize(statPath(path)), 1536);
      assertEquals(knownSize(statPath(dir.path)), undefined);
    } finally {
      await child.stdin.close();
      await child.status;
      run("losetup", "--detach", loop);
    }
  },
});
