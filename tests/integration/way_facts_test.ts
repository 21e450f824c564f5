/** How far a process in a root directory of its own gets to a disk. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dirname } from "@std/path/posix";
import { readAccessFacts, uriFault } from "../../lib/disk/way_facts.ts";
import { inodeKey } from "../../lib/host/access_record.ts";
import { lookAsQemu } from "../../lib/host/reach.ts";
import { inspectSource } from "../../lib/host/source.ts";
import { mknodBlock, openFile, statPath } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { beside, JAILED } from "../lab/beside.ts";
import { facts, present } from "../support/facts.ts";
import { run, TempDir } from "../sys/support.ts";

const NOBODY = 65534;

/** What a process, if it is known, could do about a source. */
async function look(
  path: string,
  pid: number | undefined,
  access: "rw" | "ro" = "rw",
) {
  const { source, pinned } = await inspectSource(path, {
    ...{ access, direct: false },
  });
  using _pinned = pinned;
  const process = pid === undefined ? undefined : { pid, argv: [] };
  const qemu = { ...facts().qemu, process };
  return readAccessFacts(qemu, source, { pinned, access });
}

/** A disk, a link to it, and a root directory of mode 0711. */
class Node implements Disposable {
  readonly #dir = new TempDir();
  readonly root = this.#dir.at("root");
  readonly disk = this.#dir.file("disk", "x".repeat(512));
  readonly link = this.#dir.at("link");

  constructor() {
    Deno.symlinkSync(this.disk, this.link);
    Deno.mkdirSync(this.root);
    // Umask or not.
    Deno.chmodSync(this.#dir.path, 0o755);
    Deno.chmodSync(this.root, 0o711);
    Deno.chmodSync(this.disk, 0o644);
  }

  /** Shows the disk's inode in the root directory, at a path of this node. */
  show(path: string): void {
    const inside = `${this.root}${path}`;
    Deno.mkdirSync(dirname(inside), { recursive: true });
    run("chmod", "-R", "a+x", this.root);
    Deno.linkSync(this.disk, inside);
  }

  /** Runs a body beside a process that is jailed there. */
  async beside(uid: number, body: (pid: number) => Promise<void>) {
    await beside(JAILED, `${this.root}:${uid}`, body);
  }

  [Symbol.dispose](): void {
    this.#dir[Symbol.dispose]();
  }
}

Deno.test("readAccessFacts() takes the path by which QEMU gets farthest", async () => {
  using node = new Node();
  const { disk, link } = node;
  await node.beside(NOBODY, async (pid) => {
    const farthest = async (path: string, access?: "rw" | "ro") => {
      const { path: taken, reachFault, openFault } = await look(
        path,
        pid,
        access,
      );
      const faults = [reachFault, openFault].map((fault) => fault ?? "");
      return [taken, ...faults.map((one) => /\((\w+)\)/.exec(one)?.[1])];
    };
    for (const path of [disk, link]) {
      assertEquals(await farthest(path), [path, "ENOENT", "ENOENT"]);
    }
    node.show(disk);
    // Its link is not there, and QEMU may not write to it.
    const unwritable = [disk, undefined, "EACCES"];
    assertEquals(await farthest(link), unwritable);
    assertEquals(await farthest(disk), unwritable);
    assertEquals(await farthest(link, "ro"), [disk, undefined, undefined]);
    // As far by the path that was given: that one.
    node.show(link);
    assertEquals(await farthest(link), [link, undefined, "EACCES"]);
    assertEquals(await farthest(link, "ro"), [link, undefined, undefined]);
    Deno.removeSync(`${node.root}${disk}`);
    assertEquals(await farthest(link), [link, undefined, "EACCES"]);
    // Another file there is not the disk.
    Deno.writeTextFileSync(`${node.root}${disk}`, "another");
    const { reachFault, openFault } = await look(disk, pid);
    assertEquals(reachFault, openFault);
    assertStringIncludes(openFault ?? "", "is another file there");
  });
});

Deno.test("readAccessFacts() tells of QEMU's own root directory", async () => {
  using node = new Node();
  const { disk } = node;
  Deno.chownSync(disk, 7, 7);
  const { inode } = statPath(disk);
  for (const uid of [0, NOBODY]) {
    await node.beside(uid, async (pid) => {
      Deno.chmodSync(node.root, 0o711);
      const seen = await look(disk, pid);
      assertEquals([seen.uid, seen.rdev], [7, "0:0"]);
      assertMatch(seen.inode, new RegExp(` ${inode} `));
      assertEquals(seen.confinement?.jail, "chroot");
      assertEquals(seen.root, {
        ...{ inode: inodeKey(statPath(node.root)), mode: 0o711 },
        ...{ passable: true, nodev: false, names: [] },
      });
      Deno.chmodSync(node.root, 0o700);
      Deno.writeTextFileSync(`${node.root}/name`, "");
      const { root } = await look(disk, pid);
      assertEquals([root?.mode, root?.passable, root?.names], [
        ...[0o700, uid === 0, ["name"]],
      ]);
      Deno.removeSync(`${node.root}/name`);
    });
  }
  const free = await look(disk, Deno.pid);
  assertEquals([free.root, free.openFault], [undefined, undefined]);
  const unknown = await look(disk, undefined);
  const why = "QEMU's process is unknown";
  assertEquals([unknown.confinement, unknown.root], [undefined, undefined]);
  assertEquals([unknown.reachFault, unknown.openFault], [why, why]);
});

Deno.test("readAccessFacts() knows mounts on which no device can be opened", async () => {
  using node = new Node();
  run("mount", "-t", "tmpfs", "-o", "mode=711", "none", node.root);
  try {
    using root = openFile(node.root, O.PATH | O.DIRECTORY);
    mknodBlock("device", { dir: root, rdev: "240:77", mode: 0o666 });
    const wanted = {
      ...{ path: "/device", identity: "block 240:77" },
      ...{ access: "rw" as const },
    };
    await node.beside(0, async (pid) => {
      const seen = async () => {
        const { confinement, root } = await look(node.disk, pid);
        const { reachFault, openFault } = lookAsQemu(
          present(confinement),
          wanted,
        );
        return [root?.nodev, reachFault, openFault];
      };
      assertEquals(await seen(), [false, undefined, undefined]);
      run("mount", "-o", "remount,nodev", node.root);
      assertEquals(await seen(), [
        ...[true, undefined, "/device lies on a nodev mount"],
      ]);
    });
  } finally {
    run("umount", node.root);
  }
});

Deno.test("uriFault() says what keeps QEMU from a disk on the network", async () => {
  using node = new Node();
  const socket = `${node.root}/sock`;
  Deno.writeTextFileSync(socket, "");
  const nbd = (path: string) => `nbd+unix:///x?socket=${path}`;
  await node.beside(0, (pid) => {
    const fault = (uri: string) => uriFault(uri, { pid, argv: [] }) ?? "";
    assertMatch(fault("rbd:pool/x"), /loads its rbd module on demand/);
    assertMatch(fault("nbd://host.example/x"), /resolve host.example in/);
    assertEquals(fault("nbd://192.0.2.1/x"), "");
    assertEquals(fault(nbd("/sock")), "");
    assertMatch(fault(nbd(socket)), /ENOENT/);
    return Promise.resolve();
  });
  const process = { pid: Deno.pid, argv: [] };
  assertEquals(uriFault(nbd(socket), process), undefined);
  assertMatch(uriFault(nbd("/sock"), process) ?? "", /ENOENT/);
  assertEquals(uriFault("nbd://host.example/x", process), undefined);
  assertEquals(uriFault(nbd("/sock"), undefined), undefined);
});

/** Has a file of its root directory mapped: `/root:NAME`. */
const MAPPED = `
import mmap, os, sys
root, name = sys.argv[1].rsplit(":", 1)
file = open(root + "/" + name, "rb")
held = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
os.chroot(root)
sys.stdout.write("begun\\n")
sys.stdout.flush()
sys.stdin.read()
`;

Deno.test("uriFault() sees which parts a jailed QEMU has loaded", async () => {
  using node = new Node();
  const [rbd, gluster] = ["rbd:pool/x", "gluster://192.0.2.1/v/x"];
  const cases: Readonly<Record<string, readonly string[]>> = {
    "block-rbd.so": [rbd],
    "librbd.so": [rbd],
    "block-gluster.so": [gluster],
    "libgfapi.so": [gluster],
    "libgluster.so": [],
  };
  for (const [name, loaded] of Object.entries(cases)) {
    Deno.writeTextFileSync(`${node.root}/${name}`, "x");
    await beside(MAPPED, `${node.root}:${name}`, (pid) => {
      for (const uri of [rbd, gluster]) {
        const fault = uriFault(uri, { pid, argv: [] }) ?? "";
        const isLoaded = !fault.includes("module on demand");
        assertEquals(isLoaded, loaded.includes(uri), `${name} ${uri} ${fault}`);
        // Its configuration is not there, either.
        if (!isLoaded || uri !== rbd) continue;
        assertMatch(fault, /ceph.conf: .*ENOENT/);
      }
    });
  }
});
