import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import { runCommand } from "../../lib/host/command.ts";
import type { Fd } from "../../lib/sys/fd.ts";
import { pause } from "../../lib/sys/pause.ts";
import { fillFds, withFreeFds } from "../lab/free_fds.ts";
import { PATIENCE, TempDir } from "../sys/support.ts";

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
