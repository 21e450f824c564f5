/** Who is told of a call's waiting, and what. */
import { assertEquals } from "@std/assert";
import type { Call } from "../../lib/commands/answer.ts";
import { Trace } from "../../lib/commands/trace.ts";
import { lineInPlace, waitingLine } from "../../lib/commands/waiting.ts";
import type { Waiting } from "../../lib/state/waiting.ts";
import { present } from "../support/facts.ts";

const CLEAR = "\r\x1b[K";

function wait(sinceMs: number, more: Partial<Waiting> = {}): Waiting {
  const about = { what: "QEMU is silent", limitMs: 30_000, end: undefined };
  return { ...about, sinceMs, ...more };
}

Deno.test("lineInPlace() shows a wait from 900 ms on, until it is over", () => {
  const shown: string[] = [];
  const line = lineInPlace((text) => shown.push(text));
  line.told(wait(899));
  assertEquals(shown, []);
  line[Symbol.dispose]();
  assertEquals(shown, []);
  line.told(wait(900));
  line.told(wait(2400, { end: "gives up" }));
  const words = "QEMU is silent";
  assertEquals(shown.splice(0), [
    `${CLEAR}${words}: 1 s of 30`,
    `${CLEAR}${words}: 2 s of 30 (Ctrl-C gives up)`,
  ]);
  line[Symbol.dispose]();
  line[Symbol.dispose]();
  assertEquals(shown, [CLEAR]);
});

Deno.test("lineInPlace() never breaks its line, nor passes control on", () => {
  const shown: string[] = [];
  const line = lineInPlace((text) => shown.push(text));
  line.told(wait(1000, { what: "\x1b[2J".padEnd(200, "x") }));
  const [text = ""] = shown;
  const after = text.slice(CLEAR.length);
  assertEquals([text.startsWith(CLEAR), after.includes("\x1b")], [true, false]);
  assertEquals(after.length, 79);
});

Deno.test("lineInPlace() says all that Ctrl-C does where there is room", () => {
  const shown: string[] = [];
  const line = lineInPlace((text) => shown.push(text));
  const end = "stops waiting; the removal stays pending";
  line.told(wait(1000, { end }));
  line.told(wait(1000, { end, what: "QEMU is silent".padEnd(40, "x") }));
  line.told(wait(1000, { end, what: "QEMU is silent".padEnd(68, "x") }));
  assertEquals(shown.map((text) => text.slice(CLEAR.length)), [
    "QEMU is silent: 1 s of 30 (Ctrl-C stops waiting; the removal stays pending)",
    `${"QEMU is silent".padEnd(40, "x")}: 1 s of 30 (Ctrl-C stops waiting)`,
    `${"QEMU is silent".padEnd(68, "x")}: 1 s of 30`,
  ]);
});

/** A call with these flags, and all that it shows. */
function call(flags: readonly string[], isTerminal = true) {
  const shown: string[] = [];
  const trace = new Trace({ show: (line) => shown.push(line) });
  const terminal = {
    stderrIsTerminal: isTerminal,
    err: (text: string) => shown.push(text),
  };
  const invocation = { flags: new Set(flags) };
  const made = { invocation, terminal, trace } as unknown as Call;
  return { line: waitingLine(made), shown };
}

Deno.test("waitingLine() is for a person who looks on", () => {
  assertEquals(call([], false).line, undefined);
  assertEquals(call(["quiet"]).line, undefined);
  const { line, shown } = call([]);
  present(line).told(wait(1000));
  assertEquals(shown, [`${CLEAR}QEMU is silent: 1 s of 30`]);
});

Deno.test("waitingLine() of a trace is a line each five seconds", () => {
  const { line, shown } = call(["verbose"], false);
  const seconds = [0, 4.9, 5, 6, 10, 11];
  const { told, [Symbol.dispose]: end } = present(line);
  for (const s of seconds) told(wait(s * 1000));
  const times = () =>
    shown.splice(0).map((text) => /waiting: (.*)$/.exec(text)?.[1]);
  const at = (s: number) => `QEMU is silent: ${s} s of 30`;
  assertEquals(times(), [at(0), at(5), at(10)]);
  // Another wait begins anew, and not with the last one's pause.
  told(wait(10_000));
  assertEquals(times(), []);
  told(wait(9_999));
  assertEquals(times(), [at(10)]);
  told(wait(0));
  told(wait(5000));
  told(wait(5001));
  assertEquals(times(), [at(0), at(5)]);
  end();
  assertEquals(shown, []);
});
