import { assertEquals } from "@std/assert";
import {
  DRY_RUN,
  either,
  type Invocation,
  PLUG_OPTIONS,
  SLOT,
  TIMEOUT,
} from "../../lib/words/options.ts";
import {
  absolute,
  amount,
  choice,
  deviceWord,
  flag,
  option,
  orNone,
  path,
} from "../../lib/words/request_words.ts";
import { limitsText } from "../../lib/words/limits_text.ts";
import { shortText } from "../../lib/words/values.ts";
import { refusal } from "../support/facts.ts";

function invocation(
  values: Record<string, string>,
  ...flags: string[]
): Invocation {
  return {
    command: undefined,
    operands: [],
    values: new Map(Object.entries(values)),
    flags: new Set(flags),
  };
}

Deno.test("option() and its like read what was given, and only that", () => {
  const given = invocation({ name: "data", slot: "7", timeout: "0.5" });
  assertEquals(option(given, "name", shortText), "data");
  assertEquals(option(given, "other", shortText), undefined);
  assertEquals([amount(given, SLOT), amount(given, TIMEOUT)], [7, 500]);
  assertEquals(amount(invocation({}), SLOT), undefined);
  assertEquals(choice(given, "name", ["data", "x"]), "data");
  assertEquals(choice(given, "other", ["data", "x"]), undefined);
  refusal("usage", () => choice(given, "name", ["x"]));
});

Deno.test("orNone() has null for none", () => {
  const given = invocation({ a: "none", b: "other" });
  const read = ["a", "b", "c"].map((name) => orNone(given, name, shortText));
  assertEquals(read, [null, "other", undefined]);
});

Deno.test("flag() tells on, off and neither", () => {
  const given = invocation({}, "a", "no-b", "c", "no-c");
  assertEquals(["a", "b", "c", "d"].map((name) => flag(given, name)), [
    "on",
    "off",
    "off",
    undefined,
  ]);
});

Deno.test("path() is absolute, deviceWord() leaves other words as they are", () => {
  const here = Deno.cwd();
  assertEquals(absolute("/a/../b"), "/a/../b");
  assertEquals(path({ option: "x", text: "a/b" }), `${here}/a/b`);
  assertEquals(["1", "/dev/x", "a b"].map(deviceWord), ["1", "/dev/x", "a b"]);
  const long = `/${"x".repeat(300)}`;
  assertEquals(deviceWord(long), long);
  for (const text of ["", "a\nb", "x".repeat(256), `/${"x".repeat(4095)}`]) {
    refusal("usage", () => deviceWord(text));
  }
});

Deno.test("limitsText() is what a person types", () => {
  assertEquals(limitsText({}), "none");
  const limits = { iops: 100, "bps-read": 1 << 20, "iops-write": 1024 };
  assertEquals(
    limitsText(limits).split(", ").toSorted(),
    ["bps-read 1M", "iops 100", "iops-write 1024"],
  );
});

Deno.test("either() joins words as a sentence does", () => {
  assertEquals([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(either), [
    "",
    "a",
    "a or b",
    "a, b or c",
  ]);
});

Deno.test("every command that adds a device takes the same options", () => {
  const names = PLUG_OPTIONS.map(({ name }) => name);
  assertEquals(names, ["uuid", "name", "slot", "bus", "id-scheme", "dry-run"]);
  assertEquals(PLUG_OPTIONS.at(-1), DRY_RUN);
  assertEquals([SLOT.amount.min, SLOT.amount.max], [0, 31]);
});
