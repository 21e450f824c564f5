/** Sources on a file system that does not answer: nobody else waits for it. */
import { responseOf } from "../support/document.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import { runCommand } from "../../lib/host/command.ts";
import { inspectSource } from "../../lib/host/source.ts";
import { EXECUTABLE } from "../lab/tool.ts";
import { openFds } from "../sys/support.ts";
import { hasFuse, type LastAnswered, MuteFuse } from "../lab/mute_fuse.ts";
import { type Doc, Instance, NAME } from "../lab/scripted_instance.ts";

const test = { ignore: !hasFuse() };
if (test.ignore) console.log("SKIPPED: no /dev/fuse, nothing hangs here");

/** Runs something, and measures for how long nothing else could run. */
async function longestTurn(run: () => Promise<unknown>): Promise<number> {
  let [longestMs, lastMs] = [0, performance.now()];
  const tick = () => {
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - lastMs);
    lastMs = nowMs;
  };
  const timer = setInterval(tick, 5);
  await run();
  clearInterval(timer);
  tick();
  return longestMs;
}

/** What is waited for in vain, by the last request that was answered. */
const HANGS: Record<LastAnswered, RegExp> = {
  INIT: /: open .*: not done within 5000 ms$/,
  LOOKUP: /: open .*: not done within 5000 ms$/,
  OPEN: /: read .*: not done within 5000 ms$/,
  // With O_DIRECT, of which it says no more either.
  READ: /: open .*: not done within 5000 ms$/,
};

async function refusedLate(
  fuse: MuteFuse,
  last: LastAnswered,
): Promise<void> {
  const path = `${fuse.path}/disk`;
  const error = await assertRejects(
    () => inspectSource(path, { access: "rw", direct: true }),
    HotplugError,
  ) as HotplugError;
  assertEquals(error.code, "refused");
  assertMatch(error.message, HANGS[last]);
  assertEquals(
    error.hint,
    "the file system or device behind it does not answer",
  );
}

Deno.test(
  "inspectSource() holds nothing up, whichever call hangs",
  test,
  async () => {
    await using mounts = new AsyncDisposableStack();
    const all = Object.keys(HANGS) as LastAnswered[];
    const fuses: MuteFuse[] = [];
    for (const one of all) fuses.push(mounts.use(await MuteFuse.mount(one)));
    const beginMs = performance.now();
    const heldMs = await longestTurn(() =>
      Promise.all(fuses.map((fuse, i) => refusedLate(fuse, all[i] ?? "INIT")))
    );
    assert(performance.now() - beginMs < 9_000, "they end side by side");
    assert(heldMs < 1_000, `held for ${heldMs} ms`);
  },
);

Deno.test(
  "runCommand() starts no program that would hang in its birth",
  test,
  async () => {
    await using fuse = await MuteFuse.mount("OPEN");
    const heldMs = await longestTurn(async () => {
      const looking = refusedLate(fuse, "OPEN");
      const endMs = performance.now() + 10_000;
      // One with O_PATH, and one that is read in vain.
      const opened = () =>
        openFds().filter((one) => one.endsWith(`${fuse.path}/disk`));
      while (opened().length < 2) {
        assert(performance.now() < endMs, "it does not hang");
        await new Promise((resolve) => setTimeout(resolve));
      }
      await runCommand("/bin/true", { args: [], timeoutMs: 10_000 });
      await looking;
    });
    assert(heldMs < 1_000, `held for ${heldMs} ms`);
  },
);

/** A master with many requests at once to the built executable. */
class Master implements AsyncDisposable {
  readonly process = new Deno.Command(EXECUTABLE, {
    args: ["rpc"],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  readonly #writer = this.process.stdin.getWriter();
  readonly #answers = new Map<number, PromiseWithResolvers<Doc>>();
  /** When all that it wrote was read. */
  readonly #read = this.#readAll();

  #answer(id: number) {
    const known = this.#answers.get(id) ?? Promise.withResolvers<Doc>();
    this.#answers.set(id, known);
    return known;
  }

  async #readAll() {
    let rest = "";
    const texts = this.process.stdout.pipeThrough(new TextDecoderStream());
    for await (const text of texts) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        const answer = responseOf(line);
        this.#answer(answer.id as number).resolve(answer);
      }
    }
  }

  /** Sends a request and awaits its answer. */
  async ask(method: string, params: Doc): Promise<Doc> {
    const id = this.#answers.size;
    const { promise } = this.#answer(id);
    const message = { jsonrpc: "2.0", id, method, params };
    await this.#writer.write(
      new TextEncoder().encode(JSON.stringify(message) + "\n"),
    );
    return await promise;
  }

  /** Ends the input. */
  async end(): Promise<void> {
    await this.#writer.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    await this.process.status;
    await this.#read;
  }
}

/** __NR_openat of the architecture. */
const OPENAT = { x86_64: 257, aarch64: 56 }[Deno.build.arch];

/** Threads of a process that are in openat(2). */
function opening(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/task`)].filter(({ name }) => {
    try {
      const call = Deno.readTextFileSync(`/proc/${pid}/task/${name}/syscall`);
      return call.startsWith(`${OPENAT} `);
    } catch {
      // The thread has ended.
      return false;
    }
  }).length;
}

const ADDS = 40;
/** So many calls may hang on one file system: places.ts. */
const MAX_SHARED = 16;

/** Instances of one name, each with its own run directory and QEMU. */
class Node implements AsyncDisposable {
  readonly hanging = Array.from({ length: ADDS }, () => new Instance());
  readonly good = new Instance();

  async [Symbol.asyncDispose](): Promise<void> {
    for (const vm of [...this.hanging, this.good]) {
      await vm[Symbol.asyncDispose]();
    }
  }
}

function about(vm: Instance): Doc {
  return { instance: NAME, "run-dir": vm.runDir };
}

/** Asks for all that hang; as many do as may, when the others are refused. */
async function addHanging(
  master: Master,
  node: Node,
  fuse: MuteFuse,
): Promise<Promise<Doc>[]> {
  const adds = node.hanging.map((vm, i) =>
    master.ask("disk.add", { ...about(vm), source: `${fuse.path}/disk${i}` })
  );
  let refused = 0;
  const enough = Promise.withResolvers<void>();
  for (const add of adds) {
    add.then(() => ++refused === ADDS - MAX_SHARED && enough.resolve());
  }
  await enough.promise;
  assertEquals(opening(master.process.pid), MAX_SHARED);
  return adds;
}

/** The answers to those that hang: too late, or one too many. */
function assertRefused(answers: readonly Doc[], fuse: MuteFuse): void {
  const errors = answers.map(({ error }) => {
    const { error: document } = (error as Doc).data as Doc;
    return document as { code: string; message: string };
  });
  const of = (code: string) => errors.filter((one) => one.code === code);
  assertEquals(of("refused").length, MAX_SHARED);
  assertEquals(of("busy").length, ADDS - MAX_SHARED);
  for (const { message } of of("refused")) {
    assertMatch(message, /: not done within 5000 ms$/);
  }
  for (const { message } of of("busy")) {
    assertMatch(message, /: 16 calls of this process already wait for files/);
    const named = message.split(": ").at(-1)?.split(", ") ?? [];
    assertEquals(named.length, MAX_SHARED);
    assert(named.every((one) => one.startsWith(`${fuse.path}/disk`)), message);
  }
}

async function tookMs(promise: Promise<unknown>): Promise<number> {
  const beginMs = performance.now();
  await promise;
  return performance.now() - beginMs;
}

Deno.test(
  "rpc serves others beside 40 sources that hang, and ends",
  test,
  async () => {
    await using node = new Node();
    await using fuse = await MuteFuse.mount("INIT");
    await using master = new Master();
    const adds = await addHanging(master, node, fuse);
    const { good } = node;
    const source = good.image();
    const [added, listed] = [
      master.ask("disk.add", { ...about(good), source }),
      master.ask("list", about(good)),
    ];
    const waitedMs = await tookMs(Promise.all([added, listed]));
    assert(waitedMs < 1_000, `a good add and a list took ${waitedMs} ms`);
    assertEquals(((await added).result as Doc)?.changed, true);
    assertEquals(((await listed).result as Doc)?.ok, true);
    assertRefused(await Promise.all(adds), fuse);
    // The threads hang as before: neither work nor the end needs them.
    assertEquals(opening(master.process.pid), MAX_SHARED);
    const again = master.ask("disk.add", {
      ...about(good),
      source: good.image("second.img"),
    });
    assert(await tookMs(again) < 1_000);
    assertEquals(((await again).result as Doc)?.changed, true);
    await master.end();
    assert(await tookMs(master.process.status) < 1_000, "it ends");
    assertEquals((await master.process.status).code, 0);
  },
);

for (const how of ["the end of its input", "SIGTERM"] as const) {
  Deno.test(`rpc ends by ${how} while 40 sources hang`, test, async () => {
    await using node = new Node();
    await using fuse = await MuteFuse.mount("INIT");
    await using master = new Master();
    const adds = await addHanging(master, node, fuse);
    if (how === "SIGTERM") master.process.kill(how);
    else await master.end();
    // Each is looked at for 5 s.
    assert(await tookMs(master.process.status) < 8_000, "it ends");
    assertEquals((await master.process.status).code, 0);
    assertRefused(await Promise.all(adds), fuse);
  });
}
