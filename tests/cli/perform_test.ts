import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { isChange, perform } from "../../lib/cli/perform.ts";
import { parseInvocation } from "../../lib/commands/args.ts";
import type { Answer, Call, Terminal } from "../../lib/commands/answer.ts";
import { type ErrorCode, HotplugError, refuse } from "../../lib/errors.ts";

const REMOVE = "disk remove vm1 0";

function terminal(given: Partial<Terminal> = {}): Terminal {
  return {
    args: [],
    env: () => undefined,
    signal: new AbortController().signal,
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    readInput: () => "",
    out: () => {},
    err: () => {},
    ...given,
  };
}

const invocation = (words: string) => parseInvocation(words.split(" "));

/** Whether this process has a file open. */
function isOpen(path: string): boolean {
  return [...Deno.readDirSync("/proc/self/fd")].some(({ name }) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${name}`) === path;
    } catch {
      return false; // The directory's own descriptor, closed by now.
    }
  });
}

/** Carries words out by `act`, with a log; returns its audit lines. */
async function audits(words: string, act: (call: Call) => Answer | undefined) {
  const log = Deno.makeTempFileSync();
  try {
    await perform(
      invocation(`--log ${log} ${words}`),
      terminal(),
      (call) => act(call),
    ).catch(() => {});
    assertEquals(isOpen(log), false);
    return Deno.readTextFileSync(log).split("\n").slice(0, -1)
      .map((line) => JSON.parse(line).audit);
  } finally {
    Deno.removeSync(log);
  }
}

const ANSWER = { text: ["t"], document: { ok: true }, warnings: [] };

Deno.test("isChange() is a change that is no dry run and no question for help", () => {
  const is = (words: string) => isChange(invocation(words));
  assertEquals([is(REMOVE), is("repair vm1")], [true, true]);
  for (const flag of ["--dry-run", "--help", "--version"]) {
    assertEquals(is(`${REMOVE} ${flag}`), false, flag);
  }
  assertEquals([is("list"), is("--version")], [false, false]);
});

Deno.test("perform() notes a change in the audit, done or failed", async () => {
  const about = { command: "disk remove", operands: ["vm1", "0"] };
  assertEquals(await audits(REMOVE, () => ANSWER), [
    { ...about, result: { ok: true, warnings: [] } },
  ]);
  const changed = new HotplugError("interrupted", "m", { changed: true });
  const failed = () => {
    throw changed;
  };
  assertEquals(await audits(REMOVE, failed), [
    { ...about, error: { code: "interrupted", message: "m" }, changed: true },
  ]);
  for (const words of [`${REMOVE} --dry-run`, "list", "check vm1"]) {
    assertEquals(await audits(words, () => ANSWER), [], words);
    assertEquals(await audits(words, failed), [], words);
  }
  // It wrote its own answer.
  assertEquals(await audits(REMOVE, () => undefined), []);
});

Deno.test("perform() writes its log to no device, and keeps none open", async () => {
  const before = isOpen("/dev/zero");
  const { message } = await assertRejects(
    () => perform(invocation("list --log /dev/zero"), terminal()),
    HotplugError,
  );
  assertMatch(message, /^Cannot open log file .* must be a regular file$/);
  assertEquals([before, isOpen("/dev/zero")], [false, false]);
});

Deno.test("perform() names errors; a shortage before a question is answered is busy", async () => {
  const codeOf = async (words: string, error: Error): Promise<ErrorCode> => {
    const act = () => {
      throw error;
    };
    const failure = await assertRejects(
      () => perform(invocation(words), terminal(), act),
      HotplugError,
    );
    return failure.code;
  };
  const shortage = Object.assign(new Error("open (EMFILE)"), {
    code: "EMFILE",
  });
  assertEquals(await codeOf("list", shortage), "busy");
  assertEquals(await codeOf(`${REMOVE} --dry-run`, shortage), "busy");
  assertEquals(await codeOf(REMOVE, shortage), "host-error");
  assertEquals(await codeOf("list", new TypeError("t")), "internal");
  assertEquals(await codeOf(REMOVE, refuse("r")), "refused");
});

Deno.test("perform() carries out others with stdin in use, and shows their steps", async () => {
  let shown = "";
  const read = await perform(
    invocation("list --verbose"),
    terminal({ readInput: () => "input", err: (text) => shown += text }),
    async ({ perform: inner, terminal: outer, trace }) => {
      trace.note("a\u001b b");
      assertEquals(outer.readInput(), "input");
      const signal = AbortSignal.abort();
      return await inner(invocation("check vm1"), {
        signal,
        act: ({ terminal: own, trace: quiet }) => {
          assertEquals([own.signal, quiet.isWatched], [signal, false]);
          const { message } = thrownBy(own.readInput);
          return { text: [message], document: {} };
        },
      });
    },
  );
  assertMatch(read?.text[0] ?? "", /"-" is not possible here/);
  assertMatch(shown, /^ *[\d.]+ == a\\u001b b\n$/);
});

function thrownBy(act: () => unknown): Error {
  try {
    act();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}

Deno.test("perform() answers without a command's own words where it can", async () => {
  const answer = await perform(invocation("--version"), terminal());
  assertMatch(answer?.text[0] ?? "", /^kvm-hotplug \d/);
  const help = await perform(invocation("list --help"), terminal());
  assertMatch(help?.text[0] ?? "", /^Usage: kvm-hotplug list/);
  const none = await assertRejects(
    () => perform(parseInvocation([]), terminal()),
    HotplugError,
    "No command given",
  );
  assertEquals([none.code, none.hint], [
    "usage",
    "kvm-hotplug --help shows all commands",
  ]);
});
