/** What QEMU would open, tried before it does. */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { readConfinement } from "../../lib/host/confinement.ts";
import { identityOf } from "../../lib/host/identity.ts";
import {
  canPassRoot,
  lookAsQemu,
  openAsQemu,
  opensInTime,
  seesAsQemu,
} from "../../lib/host/reach.ts";
import { ShortageError } from "../../lib/sys/errno.ts";
import { mknodBlock, openFile, statPath } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { beside, LEASE } from "../lab/beside.ts";
import { expectFds, openFds, run, TempDir } from "../sys/support.ts";

Deno.test("opensInTime() lets go on what opens or fails at once", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-" });
  try {
    const confinement = readConfinement({ pid: Deno.pid, argv: [] });
    if (confinement === undefined) throw new Error("no process of our own");
    const path = `${folder}/disk`;
    await Deno.writeTextFile(path, "disk");
    const identity = identityOf(statPath(path));
    const wanted = { path, identity, access: "rw" } as const;
    const fault = async () =>
      await opensInTime(confinement, wanted) ?? openAsQemu(confinement, wanted);
    assertEquals(await fault(), undefined);
    // It stays: the next file could get its inode number.
    await Deno.rename(path, `${path}.moved`);
    assertEquals(await opensInTime(confinement, wanted), undefined);
    assertMatch(String(await fault()), /No such file|ENOENT/);
    // Nobody writes to it: an open that waits would not come back.
    await new Deno.Command("mkfifo", { args: [path] }).output();
    const reading = { ...wanted, access: "ro" } as const;
    assertEquals(await opensInTime(confinement, reading), undefined);
    assertMatch(String(openAsQemu(confinement, reading)), /another file/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("openAsQemu() takes no disturbance for QEMU's own trouble", async () => {
  using dir = new TempDir();
  const path = dir.file("disk", "disk");
  const confinement = readConfinement({ pid: Deno.pid, argv: [] });
  if (confinement === undefined) throw new Error("no process of our own");
  const identity = identityOf(statPath(path));
  const wanted = { path, identity, access: "rw" } as const;
  await beside(LEASE, path, () => {
    assertThrows(() => openAsQemu(confinement, wanted), ShortageError);
  });
  assertEquals(openAsQemu(confinement, wanted), undefined);
});

Deno.test("lookAsQemu() sees that a mount has no devices", () => {
  using dir = new TempDir();
  const confinement = readConfinement({ pid: Deno.pid, argv: [] });
  if (confinement === undefined) throw new Error("no process of our own");
  run("mount", "-t", "tmpfs", "-o", "nodev", "none", dir.path);
  try {
    using folder = openFile(dir.path, O.PATH | O.DIRECTORY);
    // A device number that no driver has: nobody opens the node.
    mknodBlock("node", { dir: folder, rdev: "240:77", mode: 0o600 });
    folder.close();
    const look = (path: string) => {
      const identity = identityOf(statPath(path));
      return lookAsQemu(confinement, { path, identity, access: "rw" });
    };
    const free = { reachFault: undefined, openFault: undefined };
    assertEquals(look(dir.file("disk", "disk")), free);
    const { reachFault, openFault } = look(dir.at("node"));
    assertEquals(reachFault, undefined);
    assertMatch(String(openFault), /nodev mount/);
  } finally {
    run("umount", dir.path);
  }
});

Deno.test("no look with QEMU's eyes keeps a descriptor", async () => {
  using dir = new TempDir();
  const path = dir.file("disk", "disk");
  const other = dir.file("other", "other");
  const confinement = readConfinement({ pid: Deno.pid, argv: [] });
  if (confinement === undefined) throw new Error("no process of our own");
  const identity = identityOf(statPath(path));
  const nobody = { ...confinement.credentials, uid: 65534, capabilities: 0n };
  const jailed = { ...confinement, credentials: nobody };
  Deno.chmodSync(dir.path, 0o755);
  Deno.chmodSync(path, 0o600);
  const look = async (
    wanted: string,
    qemu = confinement,
    access: "rw" | "ro" = "rw",
  ) => {
    const about = { path: wanted, identity, access };
    const { reachFault, openFault } = lookAsQemu(qemu, about);
    return [
      ...[reachFault, openFault, seesAsQemu(qemu, about)],
      ...[await opensInTime(qemu, about), openAsQemu(qemu, about)],
    ].map((fault) => fault !== undefined);
  };
  const all = async () => {
    assertEquals(canPassRoot(confinement), true);
    const no = [false, false, false, false, false];
    assertEquals(await look(path), no);
    // Another file; one that is not there; one that is root's alone.
    assertEquals(await look(other), [true, true, false, false, true]);
    assertEquals(await look(dir.at("x")), [true, true, true, false, true]);
    const denied = [false, true, true, false, true];
    assertEquals(await look(path, jailed, "ro"), denied);
    Deno.chmodSync(path, 0o644);
    assertEquals(await look(path, jailed), denied);
    assertEquals(await look(path, jailed, "ro"), no);
    Deno.chmodSync(path, 0o600);
  };
  await all();
  const before = openFds();
  await all();
  await expectFds(before);
});
