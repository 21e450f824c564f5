import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  rawCommand,
  replyLines,
  unsent,
} from "../../lib/commands/qmp_words.ts";
import { HotplugError } from "../../lib/errors.ts";
import { SchemaError } from "../../lib/qmp/schema_check.ts";
import { refusal } from "../support/facts.ts";

const INPUT = '{"from": "stdin"}';

function made(...words: string[]) {
  return rawCommand(words, () => INPUT);
}

function refused(...words: string[]): string {
  return refusal("usage", () => made(...words)).message;
}

Deno.test("rawCommand() takes words, an object, or one on stdin", () => {
  assertEquals(made("stop"), {
    ...{ execute: "stop", arguments: [], fd: undefined },
  });
  const pair = (key: string, text: string) => ({ key, text });
  assertEquals(made("x", "a=b", "c.d=e=f", "g=").arguments, [
    ...[pair("a", "b"), pair("c.d", "e=f"), pair("g", "")],
  ]);
  assertEquals(made("x", '{"a": [1]}').arguments as unknown, { a: [1] });
  assertEquals(made("x", "-").arguments as unknown, { from: "stdin" });
});

Deno.test("rawCommand() refuses what is no argument", () => {
  assertEquals(refused("x", "a"), 'Not an argument: "a"');
  assertEquals(refused("x", "=a"), 'Not an argument: "=a"');
  assertEquals(refused("x", "{}", "more"), 'Unexpected word "more"');
  assertEquals(refused("x", "-", "more"), 'Unexpected word "more"');
  assertStringIncludes(refused("x", "{"), "The arguments are not valid JSON: ");
  const bad = refusal("usage", () => rawCommand(["x", "-"], () => "{"));
  assertStringIncludes(
    bad.message,
    "The arguments on stdin are not valid JSON: ",
  );
  const list = refusal("usage", () => rawCommand(["x", "-"], () => "[]"));
  assertEquals(list.message, "The arguments on stdin must be one JSON object");
});

Deno.test("rawCommand() opens one file to be passed, for writing if it can", () => {
  const dir = Deno.makeTempDirSync();
  const path = `${dir}/file`;
  const flagsOf = (word: string) => {
    const { fd, ...rest } = made("add-fd", "a=b", `@fd:${word}`);
    assertEquals(rest.arguments, [{ key: "a", text: "b" }]);
    using open = fd!;
    const info = Deno.readTextFileSync(`/proc/self/fdinfo/${open.number}`);
    return parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? "", 8) & 0o3;
  };
  try {
    Deno.writeTextFileSync(path, "x");
    assertEquals(flagsOf(path), 2);
    // A directory is opened for reading only.
    assertEquals(flagsOf(dir), 0);
    const none = refusal("unsupported", () => made("x", `@fd:${dir}/none`));
    assertStringIncludes(
      none.message,
      `Cannot open ${dir}/none to pass it to QEMU: `,
    );
    assertEquals(refused("x", "@fd:"), "@fd: needs a path");
    assertEquals(
      refused("x", `@fd:${path}`, `@fd:${path}`),
      "Only one @fd:PATH can be passed with a command",
    );
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});

Deno.test("replyLines() is one line for a program, text for a person", () => {
  const value = { a: [1] };
  assertEquals(replyLines("x", value, "program"), ['{"a":[1]}']);
  assertEquals(replyLines("x", value, "person"), [
    ...["{", '  "a": [', "    1", "  ]", "}"],
  ]);
  const human = (reader: "person" | "program", text: unknown) =>
    replyLines("human-monitor-command", text, reader);
  assertEquals(human("person", "a\r\nb\r\n\r\n"), ["a", "b"]);
  assertEquals(human("program", "a\r\n"), ['"a\\r\\n"']);
  assertEquals(human("person", {}), ["{}"]);
  assertEquals(replyLines("x", "a", "person"), ['"a"']);
});

Deno.test("unsent() names the nearest word, or all where they are few", () => {
  const hint = (word: string, known: readonly string[]) => {
    const found = unsent(new SchemaError("no", word, known), "x");
    if (!(found instanceof HotplugError)) throw new Error("no refusal");
    assertEquals([found.code, found.message], ["unsupported", "no"]);
    return found.hint;
  };
  assertEquals(hint("drivr", ["driver", "id"]), "did you mean driver?");
  assertEquals(hint("zzz", ["driver", "id"]), "known: driver, id");
  const many = Array.from({ length: 24 }, (_, i) => `member${i}`);
  assertEquals(hint("zzz", many)?.startsWith("known: member0, "), true);
  assertEquals(hint("zzz", [...many, "one"]), undefined);
  assertEquals(hint("zzz", []), undefined);
  const other = new Error("other");
  assertEquals(unsent(other, "x"), other);
});
