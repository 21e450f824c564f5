import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import { type InstancePaths, instancePaths } from "../../lib/state/instance.ts";
import { lockInstance, openOwnDirectoryIfThere } from "../../lib/state/lock.ts";
import type { Waiting } from "../../lib/state/waiting.ts";
import { actingAs } from "../../lib/sys/credentials.ts";
import { flock, openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { refusal } from "../support/facts.ts";

/** A run directory that nobody has made yet. */
async function withPaths(
  body: (paths: InstancePaths, lockFile: string) => Promise<void>,
): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    const paths = instancePaths(`${folder}/run`, "vm1");
    await body(paths, `${folder}/run/kvm-hotplug/vm1.lock`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const NOW = { lockTimeoutMs: 0, command: "disk add" } as const;

Deno.test("lockInstance() makes what it needs, and names who holds it", async () => {
  await withPaths(async (paths, file) => {
    assertEquals(openOwnDirectoryIfThere(paths.runDir), undefined);
    const mask = Deno.umask(0o022);
    const lock = await lockInstance(paths, NOW);
    Deno.umask(mask);
    const folder = file.replace(/\/[^/]*$/, "");
    for (
      const [path, wanted] of [[file, 0o600], [folder, 0o700], [
        paths.runDir,
        0o755,
      ]] as const
    ) {
      const { mode, uid } = Deno.statSync(path);
      assertEquals([(mode ?? 0) & 0o7777, uid], [wanted, 0]);
    }
    const busy = await assertRejects(
      () => lockInstance(paths, NOW),
      HotplugError,
      `pid ${Deno.pid} (disk add)`,
    );
    assertEquals(busy.code, "busy");
    lock.close();
    // A note of old goes, however long it was.
    Deno.writeTextFileSync(file, " ".repeat(5000));
    (await lockInstance(paths, { ...NOW, command: "x" })).close();
    assertEquals(JSON.parse(Deno.readTextFileSync(file)), {
      pid: Deno.pid,
      command: "x",
    });
  });
});

/** Holds the lock as another process would. */
async function held(
  { paths, file, note }: { paths: InstancePaths; file: string; note: string },
) {
  (await lockInstance(paths, NOW)).close();
  Deno.writeTextFileSync(file, note);
  const fd = openFile(file, O.RDWR);
  assertEquals(flock(fd, "exclusive"), true);
  return fd;
}

const NOTE = '{"pid":4711,"command":"nic add"}\n';

Deno.test("lockInstance() tells about every second whom it waits for", async () => {
  await withPaths(async (paths, file) => {
    using _held = await held({ paths, file, note: NOTE });
    const told: Waiting[] = [];
    const stop = new AbortController();
    const waiting = (one: Waiting) => {
      told.push(one);
      stop.abort();
    };
    const options = { lockTimeoutMs: 60_000, command: "list" };
    await assertRejects(
      () => lockInstance(paths, { ...options, waiting, signal: stop.signal }),
      HotplugError,
    );
    const [{ sinceMs = 0, ...first } = {}] = told;
    assertEquals([told.length, first], [1, {
      what: "pid 4711 (nic add) works on the instance",
      limitMs: 60_000,
      end: "gives up",
    }]);
    assertEquals(sinceMs > 900 && sinceMs < 60_000, true, `${sinceMs}`);
  });
});

Deno.test("lockInstance() believes no note that is too long", async () => {
  await withPaths(async (paths, file) => {
    for (const [bytes, named] of [[4096, true], [4097, false]] as const) {
      using _held = await held({ paths, file, note: NOTE.padEnd(bytes) });
      const error = await assertRejects(
        () => lockInstance(paths, NOW),
        HotplugError,
      );
      assertEquals(error.message.includes("4711"), named, error.message);
      const who = named ? "pid 4711" : "another process";
      assertStringIncludes(error.message, who);
    }
  });
});

Deno.test("lockInstance() takes no lock file but root's own", async () => {
  const plants: ((path: string) => void)[] = [
    (path) => Deno.chmodSync(path, 0o644),
    (path) => Deno.chownSync(path, 65534, 0),
    (path) => {
      Deno.renameSync(path, `${path}.2`);
      Deno.symlinkSync(`${path}.2`, path);
    },
    (path) => {
      Deno.removeSync(path);
      new Deno.Command("mkfifo", { args: ["-m", "600", path] }).outputSync();
    },
  ];
  for (const plant of plants) {
    await withPaths(async (paths, file) => {
      (await lockInstance(paths, NOW)).close();
      plant(file);
      const error = await assertRejects(
        () => lockInstance(paths, NOW),
        HotplugError,
      );
      assertEquals(error.code, "refused");
    });
  }
});

Deno.test("openOwnDirectoryIfThere() refuses what is not root's alone", async () => {
  await withPaths((paths) => {
    const path = `${paths.runDir}/kvm-hotplug`;
    Deno.mkdirSync(path, { recursive: true });
    const nobody = { uid: 65534, gid: 65534, groups: [], capabilities: 0n };
    actingAs(nobody, () => {
      const open = () => openOwnDirectoryIfThere(paths.runDir);
      refusal("permission-denied", open);
    });
    for (const [uid, mode] of [[1000, 0o700], [0, 0o755]] as const) {
      Deno.chmodSync(path, mode);
      Deno.chownSync(path, uid, uid);
      refusal("refused", () => openOwnDirectoryIfThere(paths.runDir));
    }
    Deno.removeSync(path);
    Deno.writeTextFileSync(path, "a file", { mode: 0o700 });
    refusal("refused", () => openOwnDirectoryIfThere(paths.runDir));
    Deno.removeSync(path);
    Deno.symlinkSync("/tmp", path);
    refusal("refused", () => openOwnDirectoryIfThere(paths.runDir));
    return Promise.resolve();
  });
});
