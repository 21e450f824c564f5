import { assertEquals } from "@std/assert";
import { expositionLines } from "../../lib/words/exposition.ts";

function lineOf(value: string): string | undefined {
  const samples = [[{ vm: value }, 1]] as const;
  return expositionLines([{ name: "m", help: "h", samples }])[2];
}

Deno.test("expositionLines() writes help, type and samples of a gauge", () => {
  const samples = [[{}, 0.5], [{ a: "x", b: "y" }, 2]] as const;
  assertEquals(expositionLines([{ name: "m", help: "Half.", samples }]), [
    "# HELP m Half.",
    "# TYPE m gauge",
    "m 0.5",
    'm{a="x",b="y"} 2',
  ]);
});

Deno.test("expositionLines() omits a gauge without samples", () => {
  assertEquals(expositionLines([{ name: "m", help: "h", samples: [] }]), []);
});

Deno.test("expositionLines() escapes help and values as the format says", () => {
  const help = "a\\b\nc";
  const [line] = expositionLines([{ name: "m", help, samples: [[{}, 1]] }]);
  assertEquals(line, "# HELP m a\\\\b\\nc");
  const values = {
    'a"b': 'a\\"b',
    "a\\b": "a\\\\b",
    // Only these three escapes exist in the format: \\ \" \n.
    "a\nb": "a\\\\u000ab",
    "a\u202eb": "a\\\\u202eb",
    "a\ud800b": "a\\\\ud800b",
    "ü": "ü",
  };
  for (const [value, shown] of Object.entries(values)) {
    assertEquals(lineOf(value), `m{vm="${shown}"} 1`);
  }
});

Deno.test("expositionLines() cuts a long value", () => {
  assertEquals(lineOf("x".repeat(1000)), `m{vm="${"x".repeat(256)}"} 1`);
});

Deno.test("expositionLines() writes no sample twice", () => {
  const samples = [[{ a: "x" }, 1], [{ a: "y" }, 2], [{ a: "x" }, 3]] as const;
  assertEquals(
    expositionLines([{ name: "m", help: "h", samples }]).slice(2),
    ['m{a="x"} 1', 'm{a="y"} 2'],
  );
});
