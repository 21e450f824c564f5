/** The images of a process, as the kernel shows them. */
import { assertEquals } from "@std/assert";
import { identityOf } from "../../lib/host/identity.ts";
import { openImages } from "../../lib/host/open_images.ts";
import { statPath } from "../../lib/sys/file.ts";
import { beside } from "../lab/beside.ts";
import { unless, withoutDevice } from "../support/left_out.ts";
import { run, TempDir } from "../sys/support.ts";

/**
 * Has its words open: `image:PATH` with a lock as QEMU's, `byte:PATH` with one
 * on byte 5, `file:PATH` without any. 37 is F_OFD_SETLK.
 */
const HOLD = `
import fcntl, struct, sys
held = []
for word in sys.argv[1].split(","):
    kind, path = word.split(":")
    held.append(open(path, "rb"))
    byte = {"image": 203, "byte": 5}.get(kind)
    if byte is not None:
        lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, byte, 1, 0)
        fcntl.fcntl(held[-1], 37, lock)
sys.stdout.write("begun\\n")
sys.stdout.flush()
sys.stdin.read()
`;

function identityAt(path: string): string {
  return identityOf(statPath(path));
}

Deno.test("openImages() tells images by QEMU's locks, each once", async () => {
  using dir = new TempDir();
  const image = dir.file("image", "x".repeat(700));
  const other = dir.file("other", "y");
  const log = dir.file("log", "z");
  const words = [
    ...[`file:${image}`, `image:${image}`, `file:${log}`, `byte:${log}`],
    ...[`image:${other}`, "file:/dev/null"],
  ];
  await beside(HOLD, words.join(), async (pid) => {
    const found = await openImages(pid);
    const lock = "held" as const;
    const kind = "file" as const;
    assertEquals(
      found.map(({ fds, ...one }) => ({ ...one, count: fds.length })),
      [
        {
          ...{ identity: identityAt(image), kind, path: image },
          ...{ sizeBytes: 700, lock, count: 1 },
        },
        {
          ...{ identity: identityAt(other), kind, path: other },
          ...{ sizeBytes: 1, lock, count: 1 },
        },
      ],
    );
    Deno.removeSync(image);
    const [gone] = await openImages(pid);
    assertEquals([gone?.path, gone?.sizeBytes], [`${image} (deleted)`, 700]);
  });
  assertEquals(await openImages(2 ** 22), []);
});

Deno.test({
  ...unless(
    withoutDevice("/dev/loop-control"),
    "openImages() has a block device by all its descriptors, locked or not",
  ),
  async fn() {
    using dir = new TempDir();
    const path = dir.file("image", "x".repeat(4096));
    const loop = run("losetup", "--find", "--show", path);
    const identity = identityAt(loop);
    const about = { identity, kind: "block", path: loop, sizeBytes: 4096 };
    const looked = async (...kinds: string[]) => {
      let found: unknown;
      const words = kinds.map((kind) => `${kind}:${loop}`).join();
      await beside(HOLD, words, async (pid) => {
        const [only, ...more] = await openImages(pid);
        const { fds = [], lock, ...one } = only ?? {};
        assertEquals([one, more], [about, []] as unknown);
        found = [new Set(fds).size, lock];
      });
      return found;
    };
    try {
      assertEquals(await looked("file"), [1, undefined]);
      assertEquals(await looked("image", "file"), [2, "held"]);
      assertEquals(await looked("file", "image"), [2, "held"]);
    } finally {
      run("losetup", "--detach", loop);
    }
  },
});
