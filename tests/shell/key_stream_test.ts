import { PassThrough } from "node:stream";
import { createInterface } from "node:readline";
import { assertEquals } from "@std/assert";
import { KeyStream } from "../../lib/shell/key_stream.ts";

/** Lines that readline makes of chunks of keys; `quer` is completed late. */
async function linesOf(...chunks: string[]): Promise<string[]> {
  let press = (_: Uint8Array) => {};
  const keys = await KeyStream.open({
    on: (event, listener: (chunk: Uint8Array) => void) => {
      if (event === "data") press = listener;
    },
    pause: () => {},
    setRawMode: () => {},
  });
  const editor = createInterface({
    input: keys.input,
    output: new PassThrough(),
    terminal: true,
    completer: (
      line: string,
      done: (error: null, found: [string[], string]) => void,
    ) => {
      const found = "query".startsWith(line) ? ["query"] : [];
      new Promise((resolve) => setTimeout(resolve, 20))
        .then(() => done(null, [found, line]))
        .finally(() => keys.answered());
    },
  });
  const lines: string[] = [];
  editor.on("line", (line) => lines.push(line));
  const closed = new Promise((resolve) => editor.on("close", resolve));
  const encoder = new TextEncoder();
  // Ctrl-D ends it, if it comes through.
  for (const chunk of [...chunks, "\x04"]) press(encoder.encode(chunk));
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("the keys are locked")), 5_000);
  });
  try {
    await Promise.race([closed, late]);
  } finally {
    clearTimeout(timer);
    editor.close();
  }
  return lines;
}

Deno.test("KeyStream lets no key overtake a completion", async () => {
  assertEquals(await linesOf("que\t-x\r"), ["query-x"]);
  assertEquals(await linesOf("que\t\tz\ra\r"), ["queryz", "a"]);
  assertEquals(await linesOf("a\x1b[D", "\x7f", "que\t-x\r"), [
    "query-xa",
  ]);
});

Deno.test("KeyStream goes on after a Tab within an escape sequence", async () => {
  for (const start of ["\x1b", "\x1b\x1b", "\x1b[", "\x1bO", "\x1b[1;"]) {
    const message = JSON.stringify(start);
    const expected = ["x", "query"];
    const one = await linesOf(`${start}\t`, "x\r", "que\t\r");
    assertEquals(one.map((line) => line.trim()), expected, message);
    const apart = await linesOf(start, "\t", "x\rque\t\r");
    assertEquals(apart.map((line) => line.trim()), expected, message);
  }
});
