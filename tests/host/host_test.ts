/** This node's programs, processes and files where they misbehave. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import { runCommand } from "../../lib/host/command.ts";
import { interfaceExists } from "../../lib/host/tap.ts";
import { findQemu } from "../../lib/host/process.ts";
import { seenBy } from "../../lib/host/seen_path.ts";
import { inspectSource } from "../../lib/host/source.ts";
import type { Fd } from "../../lib/sys/fd.ts";
import { pause, within } from "../../lib/sys/pause.ts";
import { fillFds, withFreeFds } from "../lab/free_fds.ts";
import { PATIENCE, run, TempDir } from "../sys/support.ts";

function script(dir: TempDir, body: string): string {
  const path = dir.file("script", `#!/bin/sh\n${body}\n`);
  Deno.chmodSync(path, 0o755);
  return path;
}

async function failure(path: string, timeoutMs: number): Promise<string> {
  const error = await assertRejects(
    () => runCommand(path, { args: ["tap0"], timeoutMs }),
    HotplugError,
  ) as HotplugError;
  assertEquals(error.code, "host-error");
  return error.message;
}

function changedAt(path: string): number {
  const { ctime, mtime } = Deno.lstatSync(path);
  return Math.max(ctime!.getTime(), mtime!.getTime());
}

Deno.test("seenBy() tells when a path can have begun to lead there", async () => {
  using dir = new TempDir();
  const [files, links] = [dir.at("files"), dir.at("links")];
  for (const one of [files, links]) Deno.mkdirSync(one);
  Deno.writeTextFileSync(`${files}/a`, "data");
  Deno.symlinkSync(`${files}/a`, `${links}/a`);
  const changed = async (path: string) =>
    (await seenBy(Deno.pid, path)).changedMs;
  // ctime counts where mtime was set back.
  Deno.utimeSync(files, 1, 1);
  assertEquals(await changed(`${files}/a`), changedAt(files));
  // A directory with a link counts, and so does the one it leads to.
  const [soon, later] = [4_000_000_000, 4_100_000_000];
  Deno.utimeSync(links, soon, soon);
  assertEquals(await changed(`${files}/a`), changedAt(files));
  assertEquals(await changed(`${links}/a`), soon * 1000);
  Deno.utimeSync(files, later, later);
  assertEquals(await changed(`${links}/a`), later * 1000);
  assertEquals(await changed(`${links}/none`), Infinity);
});

Deno.test("runCommand() does not wait for a daemon that keeps the pipes", async () => {
  using dir = new TempDir();
  const path = script(dir, `sleep 60 & echo $! > ${dir.at("pid")}`);
  const begin = performance.now();
  await runCommand(path, { args: [], timeoutMs: 30_000 });
  const tookMs = performance.now() - begin;
  Deno.kill(Number(Deno.readTextFileSync(dir.at("pid"))), "SIGKILL");
  assertEquals(tookMs < 10_000, true);
});

Deno.test("runCommand() ends a program that does not listen to TERM", async () => {
  using dir = new TempDir();
  const path = script(dir, "trap '' TERM; while :; do sleep 0.1; done");
  assertStringIncludes(await failure(path, 300), "did not end within 0.3 s");
});

/** Whether a process has this word on its command line. */
function isRunning(path: string): boolean {
  return [...Deno.readDirSync("/proc")].some(({ name }) => {
    try {
      const words = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
      return words.includes(path);
    } catch {
      return false;
    }
  });
}

/** Programs are started as ever, and then no descriptor is free any more. */
async function withNoneAfterSpawn<T>(body: () => Promise<T>): Promise<T> {
  const { spawn } = Deno.Command.prototype;
  const filled: Fd[] = [];
  Deno.Command.prototype.spawn = function () {
    const child = spawn.call(this);
    filled.push(...fillFds());
    return child;
  };
  try {
    return await withFreeFds(32, body);
  } finally {
    Deno.Command.prototype.spawn = spawn;
    for (const fd of filled) fd.close();
  }
}

Deno.test("runCommand() ends a program in time though no descriptor is left", async () => {
  using dir = new TempDir();
  const path = script(dir, "sleep 20");
  const { timeoutMs } = PATIENCE;
  const error = await withNoneAfterSpawn(() =>
    assertRejects(
      () => runCommand(path, { args: [], timeoutMs: 300 }),
      HotplugError,
    )
  ) as HotplugError;
  assertEquals(error.code, "host-error");
  const endMs = performance.now() + timeoutMs;
  while (isRunning(path) && performance.now() < endMs) await pause(10);
  assertEquals(isRunning(path), false);
});

Deno.test("runCommand() tells what a failing program said", async () => {
  using dir = new TempDir();
  const path = script(dir, "echo one; echo two >&2; exit 7");
  const message = await failure(path, 10_000);
  assertStringIncludes(message, "exit code 7");
  assertStringIncludes(message, "one");
  assertStringIncludes(message, "two");
  assertStringIncludes(await failure("/nonexistent", 10_000), "cannot be run");
});

Deno.test("findQemu() is not held by a FIFO or device as pid file", async () => {
  using dir = new TempDir();
  await run("mkfifo", dir.at("fifo"));
  Deno.symlinkSync("/dev/zero", dir.at("zero"));
  Deno.mkdirSync(dir.at("folder"));
  for (const name of ["fifo", "zero", "folder", "missing"]) {
    assertEquals(findQemu(dir.at(name), "vm1"), undefined);
  }
});

Deno.test("inspectSource() names who has the image locked", async () => {
  using dir = new TempDir();
  const path = dir.file("image", "x".repeat(512));
  const needs = { access: "rw", direct: false } as const;
  const free = await inspectSource(path, needs);
  free.pinned.close();
  assertEquals(free.source.inUseBy, undefined);
  // As QEMU does: an open file description lock on byte 201.
  const holder = new Deno.Command("python3", {
    args: [
      "-c",
      [
        "import fcntl, struct, sys",
        `f = open(${JSON.stringify(path)}, "rb")`,
        'lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 201, 1, 0)',
        "fcntl.fcntl(f, 37, lock)",
        'print("locked", flush=True)',
        "sys.stdin.read()",
      ].join("\n"),
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = holder.stdout.getReader();
  await reader.read();
  const taken = await inspectSource(path, needs);
  taken.pinned.close();
  assertStringIncludes(taken.source.inUseBy ?? "", `pid ${holder.pid}`);
  const readOnly = await inspectSource(path, { ...needs, access: "ro" });
  readOnly.pinned.close();
  assertEquals(readOnly.source.inUseBy, undefined);
  await holder.stdin.close();
  await reader.cancel();
  await holder.status;
});

Deno.test("inspectSource() tells a source that cannot be written", async () => {
  const needs = { access: "rw", direct: false } as const;
  using dir = new TempDir();
  const folder = dir.at("ro");
  Deno.mkdirSync(folder);
  await run("mount", "-t", "tmpfs", "none", folder);
  try {
    Deno.writeTextFileSync(`${folder}/image`, "x".repeat(512));
    await run("mount", "-o", "remount,ro", folder);
    const { source, pinned } = await inspectSource(`${folder}/image`, needs);
    pinned.close();
    assertEquals(source.writeFault, "EROFS");
  } finally {
    await run("umount", folder);
  }
});

Deno.test("within() gives up in time and forgets what comes later", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  assertEquals(await within(promise, 5), undefined);
  resolve(1);
  await pause(1);
  assertEquals(await within(Promise.resolve(2), 10_000), 2);
});

Deno.test("pause() ends at once when aborted", async () => {
  const stop = new AbortController();
  const begin = performance.now();
  const paused = pause(60_000, stop.signal);
  stop.abort();
  await paused;
  assertEquals(performance.now() - begin < 10_000, true);
});

Deno.test("interfaceExists() takes any text that a NIC file may hold", () => {
  assertEquals(interfaceExists("lo"), true);
  const none = ["", ".", "..", "lo\0", "x\0y", "../../..", "\ud800", "l o"];
  assertEquals(none.filter(interfaceExists), []);
});
