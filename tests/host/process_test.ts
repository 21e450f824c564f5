import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  fdShortage,
  findQemu,
  holders,
  holds,
  nameOf,
  qemuWithPid,
  titleOf,
} from "../../lib/host/process.ts";
import { identityOf } from "../../lib/host/identity.ts";
import { actingAs } from "../../lib/sys/credentials.ts";
import { openFile, statFd } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { SysError } from "../../lib/sys/errno.ts";
import { run, TempDir } from "../sys/support.ts";

Deno.test("findQemu() is not held by a FIFO or device as pid file", async () => {
  using dir = new TempDir();
  await run("mkfifo", dir.at("fifo"));
  Deno.symlinkSync("/dev/zero", dir.at("zero"));
  Deno.mkdirSync(dir.at("folder"));
  for (const name of ["fifo", "zero", "folder", "missing"]) {
    assertEquals(findQemu(dir.at(name), "vm1"), undefined);
  }
});

Deno.test("findQemu() says so where it may not look", () => {
  using dir = new TempDir();
  Deno.chmodSync(dir.path, 0o700);
  const nobody = { uid: 65534, gid: 65534, groups: [], capabilities: 0n };
  const find = () => findQemu(dir.file("pid", "1\n"), "vm1");
  assertEquals(find(), undefined);
  const path = dir.at("pid");
  actingAs(nobody, () => {
    assertThrows(() => findQemu(path, "vm1"), SysError, "EACCES");
  });
});

const WAITS = "echo; read x; exit";

/** A process with this command line, as long as the body runs. */
async function withProcess(
  words: readonly string[],
  body: (pid: number) => void,
): Promise<void> {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", WAITS, ...words],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  // Before that it may have no command line yet.
  const said = child.stdout.getReader();
  await said.read();
  try {
    body(child.pid);
  } finally {
    await child.stdin.close();
    await said.cancel();
    await child.status;
  }
}

Deno.test("findQemu() and qemuWithPid() know a QEMU by its name", async () => {
  using dir = new TempDir();
  await withProcess(["-name", "guest=vm1,debug=on"], (pid) => {
    const argv = ["/bin/sh", "-c", WAITS, "-name", "guest=vm1,debug=on"];
    const path = dir.file("pid", `${pid}\nmore`);
    assertEquals(findQemu(path, "vm1"), { pid, argv });
    assertEquals(findQemu(path, "vm2"), undefined);
    const known = { pid, argv: ["-name", "vm1"] };
    assertEquals(findQemu(path, "vm1", known) === known, true);
    const others = [{ ...known, pid: pid + 1 }, { pid, argv: [] }];
    for (const one of others) {
      assertEquals(findQemu(path, "vm1", one), { pid, argv });
    }
    assertEquals(qemuWithPid(pid, ""), undefined);
    // Other programs have an option of that name, too.
    assertEquals(titleOf(pid), `sh (pid ${pid})`);
  });
  await withProcess(["-qmp", "unix:/x", "-name", "vm1"], (pid) => {
    assertEquals(titleOf(pid), `VM vm1 (pid ${pid})`);
  });
  for (const text of ["", "0\n", "-1\n", "x\n", "9".repeat(70)]) {
    assertEquals(findQemu(dir.file("pid", text), "vm1"), undefined, text);
  }
});

Deno.test("qemuWithPid() knows a QEMU without a name by its options", async () => {
  for (const option of ["-qmp", "--qmp-pretty", "-mon"]) {
    await withProcess([option, "x"], (pid) => {
      assertEquals(qemuWithPid(pid, "")?.pid, pid);
      assertEquals(qemuWithPid(pid, "vm1"), undefined);
    });
  }
  await withProcess(["-qmpx", "x"], (pid) => {
    assertEquals(qemuWithPid(pid, ""), undefined);
  });
  await withProcess(["-qmp", "x", "-name", "vm1"], (pid) => {
    assertEquals(qemuWithPid(pid, ""), undefined);
  });
});

Deno.test("nameOf() reads what follows -name", () => {
  assertEquals(nameOf(["-name", "vm1,process=x"]), "vm1");
  assertEquals(nameOf(["kvm", "-name", "guest=vm1"]), "vm1");
  assertEquals(nameOf(["kvm", "-name"]), undefined);
  assertEquals(nameOf(["vm1"]), undefined);
});

Deno.test("holders() finds each fd of a file, by whatever path", () => {
  using dir = new TempDir();
  const path = dir.file("disk", "disk");
  using first = openFile(path, O.RDONLY);
  using second = openFile(path, O.PATH);
  const identity = identityOf(statFd(first));
  assertEquals(
    [...holders(Deno.pid, identity)].sort((a, b) => a - b),
    [first.number, second.number].sort((a, b) => a - b),
  );
  assertEquals(holds(Deno.pid, identity), true);
  first.close();
  second.close();
  assertEquals(holds(Deno.pid, identity), false);
});

Deno.test("fdShortage() tells how to raise a limit that is nearly reached", async () => {
  assertEquals(fdShortage(Deno.pid), undefined);
  await withProcess([], (pid) => {
    assertEquals(fdShortage(pid), undefined);
    const open = [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
    run("prlimit", "--pid", `${pid}`, `--nofile=${open + 32}`);
    assertEquals(fdShortage(pid), undefined);
    run("prlimit", "--pid", `${pid}`, `--nofile=${open + 31}`);
    assertMatch(
      String(fdShortage(pid)),
      new RegExp(`${open} of ${open + 31} .* --nofile=${2 * (open + 31)}$`),
    );
  });
  assertEquals(fdShortage(2 ** 22), undefined);
});
