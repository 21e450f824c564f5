/** One call at a time on an instance, and the directory of our own files. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { flock, mkdir, openFile, writeAll } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import {
  assertFailed,
  assertUnchanged,
  inodes,
  Instance,
  NAME,
} from "../lab/scripted_instance.ts";

Deno.test("ten adds at once: distinct slots, no entry lost", async () => {
  await using vm = new Instance();
  const kinds = Array.from({ length: 10 }, (_, i) => i);
  const all = await Promise.all(
    kinds.map((i) =>
      i % 2 === 0
        ? vm.cli("disk", "add", NAME, vm.image(`d${i}.img`))
        : vm.cli("nic", "add", NAME)
    ),
  );
  assertEquals(all.map((ran) => ran.status), kinds.map(() => 0));
  const slots = all.map((ran) => (ran.json.device as { slot: number }).slot);
  assertEquals(slots.sort((a, b) => a - b), kinds.map((i) => i + 14));
  const [, nics, , disks] = vm.runtime;
  assertEquals([nics.length, disks.length], [6, 6]);
  const recorded = [
    ...nics,
    ...disks.map(([disk]: [unknown]) => disk),
  ].map((one) => Number(one.hvinfo.addr));
  assertEquals(new Set(recorded).size, 12);
  assertEquals(vm.peer.model.devices.size, 12);
});

Deno.test("the same disk added twice at once is added once", async () => {
  await using vm = new Instance();
  const source = vm.image();
  const both = await Promise.all(
    [1, 2].map(() => vm.cli("disk", "add", NAME, source)),
  );
  assertEquals(both.map((ran) => ran.status), [0, 0]);
  const changed = both.map((ran) => ran.json.changed);
  assertEquals(changed.sort(), [false, true]);
  assertEquals(vm.runtime[3].length, 2);
});

/** Takes the lock as another process would, and says who it is. */
function takeLock(vm: Instance, note: string) {
  mkdir(vm.ownDir, 0o700);
  const flags = O.RDWR | O.CREAT;
  const path = `${vm.ownDir}/${NAME}.lock`;
  const fd = openFile(path, flags, { mode: 0o600 });
  assert(flock(fd, "exclusive"));
  writeAll(fd, new TextEncoder().encode(note));
  return fd;
}

Deno.test("a lock that is held is busy, and names pid and command", async () => {
  await using vm = new Instance();
  using _lock = takeLock(vm, '{"pid":4711,"command":"disk add"}\n');
  await assertUnchanged(vm, async () => {
    const words = ["nic", "add", NAME, "--lock-timeout", "0.1"];
    const { message } = assertFailed(await vm.cli(...words), 3, "busy");
    assertMatch(message, /4711/);
    assertMatch(message, /disk add/);
  });
  assertEquals(vm.peer.connections, 0);
});

Deno.test("a lock with a strange note is busy all the same", async () => {
  const notes = [
    "",
    "x".repeat(100_000),
    "[]",
    '{"pid":{},"command":{}}',
    "\0",
  ];
  for (const note of [...notes, '{"pid":"\\u001b[31m","command":[[]]}']) {
    await using vm = new Instance();
    using _lock = takeLock(vm, note);
    const words = ["nic", "add", NAME, "--lock-timeout", "0"];
    const ran = await vm.cli(...words);
    assertFailed(ran, 3, "busy");
    assert(!ran.out.includes("\u001b"));
  }
});

Deno.test("a lock that is given up in time is taken", async () => {
  await using vm = new Instance();
  const lock = takeLock(vm, "");
  const adding = vm.cli("nic", "add", NAME);
  lock.close();
  assertEquals((await adding).status, 0);
});

Deno.test("a signal ends the waiting for the lock: nothing was changed", async () => {
  await using vm = new Instance();
  using _lock = takeLock(vm, "");
  const stop = new AbortController();
  await assertUnchanged(vm, async () => {
    const words = ["nic", "add", NAME, "--lock-timeout", "60"];
    const adding = vm.cliUntil(stop.signal, ...words);
    stop.abort();
    assertFailed(await adding, 3, "busy");
  });
});

Deno.test("a lock is of one instance: another is not held up", async () => {
  await using vm = new Instance();
  mkdir(vm.ownDir, 0o700);
  const path = `${vm.ownDir}/other.lock`;
  using lock = openFile(path, O.RDWR | O.CREAT, { mode: 0o600 });
  flock(lock, "exclusive");
  const ran = await vm.cli("nic", "add", NAME, "--lock-timeout", "0");
  assertEquals(ran.status, 0, ran.out);
});

/** What a daemon of the node might have planted in our place. */
const PLANTED: Record<string, (path: string) => void> = {
  "another's": (path) => {
    Deno.mkdirSync(path, { mode: 0o700 });
    Deno.chownSync(path, 1234, 0);
  },
  "mode 0755": (path) => Deno.mkdirSync(path, { mode: 0o755 }),
  "mode 0770": (path) => {
    Deno.mkdirSync(path);
    Deno.chmodSync(path, 0o770);
  },
  "sticky": (path) => {
    Deno.mkdirSync(path);
    Deno.chmodSync(path, 0o1700);
  },
  "a link to a good one": (path) => {
    Deno.mkdirSync(`${path}.real`, { mode: 0o700 });
    Deno.symlinkSync(`${path}.real`, path);
  },
  "a dangling link": (path) => Deno.symlinkSync(`${path}.none`, path),
  "a file": (path) => Deno.writeTextFileSync(path, "", { mode: 0o600 }),
};

Deno.test("a directory that is not ours is refused and not changed", async () => {
  for (const [what, plant] of Object.entries(PLANTED)) {
    await using vm = new Instance();
    plant(vm.ownDir);
    const before = inodes(vm.runDir);
    const ran = await vm.cli("disk", "add", NAME, "/dev/null");
    assertEquals(ran.status, 3, `${what}: ${ran.out}`);
    const { message } = assertFailed(ran, 3, "refused");
    assert(message.includes(vm.ownDir), message);
    assertEquals(inodes(vm.runDir), before);
    assertEquals(vm.peer.connections, 0);
  }
});

Deno.test("a lock file that is not ours is refused and not changed", async () => {
  const planted: Record<string, (path: string) => void> = {
    "a link": (path) => Deno.symlinkSync("/etc/hostname", path),
    "readable": (path) => {
      Deno.writeTextFileSync(path, "");
      Deno.chmodSync(path, 0o644);
    },
    "another's": (path) => {
      Deno.writeTextFileSync(path, "", { mode: 0o600 });
      Deno.chownSync(path, 1234, 0);
    },
    "a directory": (path) => Deno.mkdirSync(path, { mode: 0o600 }),
  };
  for (const [what, plant] of Object.entries(planted)) {
    await using vm = new Instance();
    mkdir(vm.ownDir, 0o700);
    plant(`${vm.ownDir}/${NAME}.lock`);
    const before = inodes(vm.runDir);
    const ran = await vm.cli("nic", "add", NAME);
    assertEquals(ran.status, 3, `${what}: ${ran.out}`);
    assertFailed(ran, 3, "refused");
    assertEquals(inodes(vm.runDir), before);
  }
});

Deno.test("our directory and lock are root's alone", async () => {
  await using vm = new Instance();
  await vm.cli("nic", "add", NAME);
  const own = inodes(vm.ownDir).map((line) => line.split(" ").slice(1, 5));
  assertEquals(own, [
    ["directory", "700", "0", "0"],
    ["file", "600", "0", "0"],
  ]);
});
