import { assertEquals, equal } from "@std/assert";
import { applyMutant, mutantsOf } from "../../tools/mutants/mutate.ts";
import { linesNow, readLcov } from "../../tools/mutants/cover.ts";
import { shortHash } from "../../tools/guest/cache.ts";
import { isEquivalent, sampleOf } from "../../tools/mutants/sample.ts";

/** What a line becomes, each way. */
function mutated(source: string): string[] {
  return mutantsOf("a.ts", source).map((one) =>
    `${one.kind}: ${applyMutant(source, one)}`
  );
}

Deno.test("mutantsOf() negates conditions, moves bounds, drops elements", () => {
  assertEquals(mutated("if (a < 3) {}"), [
    "condition: if (!(a < 3)) {}",
    "bound: if (a <= 3) {}",
    "bound: if (a < 4) {}",
  ]);
  assertEquals(mutated("const a = b === c;"), [
    "condition: const a = b !== c;",
  ]);
  assertEquals(mutated("const LIMIT_MS = 500;"), []);
  assertEquals(mutated("const a = [x, y];"), [
    "element: const a = [y];",
    "element: const a = [x, ];",
  ]);
});

Deno.test("mutantsOf() drops statements, flags and closes, swaps steps", () => {
  assertEquals(mutated("function f() { a(); b.close(); }"), [
    "statement: function f() { ; b.close(); }",
    "swap: function f() { b.close(); a(); }",
    "close: function f() { a(); ; }",
  ]);
  assertEquals(mutated("if (a) b();"), [
    "condition: if (!(a)) b();",
    "statement: if (a) {}",
  ]);
  assertEquals(mutated("const a = O.X | O.Y;"), [
    "flag: const a = O.X;",
    "flag: const a = O.Y;",
  ]);
  assertEquals(mutated("const a = O.RDONLY | O.Y;"), [
    "flag: const a = O.RDONLY;",
  ]);
  assertEquals(mutated("{ using a = b(); }"), ["close: { const a = b(); }"]);
});

Deno.test("mutantsOf() leaves types and imports alone", () => {
  assertEquals(mutated('import { a } from "./3.ts"; type B = [1, 2];'), []);
});

Deno.test("sampleOf() chooses the same for the same seed", () => {
  const all = mutantsOf("a.ts", "f(1, 2, 3, 4, 5, 6, 7, 8, 9);");
  const some = sampleOf(all, { max: 4, seed: "7" });
  assertEquals(some.length, 4);
  assertEquals(sampleOf(all, { max: 4, seed: "7" }), some);
  assertEquals(all.filter((one) => some.includes(one)), some);
  const others = ["8", "9", "10"].map((seed) =>
    sampleOf(all, { max: 4, seed })
  );
  assertEquals(others.some((one) => !equal(one, some)), true);
});

Deno.test("isEquivalent() goes by the text, not by the line", () => {
  const [first, second, other] = mutantsOf("a.ts", "\n  a = 1;\nb = f(1);");
  const where = { path: "a.ts", text: "a = 1;" };
  const list = [{ ...where, was: "1", now: "2", why: "no reason" }];
  assertEquals(isEquivalent(second!, list), true);
  assertEquals(isEquivalent(first!, list), false);
  assertEquals(isEquivalent(other!, list), false);
});

Deno.test("readLcov() takes the lines of lib that were run", () => {
  const text = "SF:/t/lib/a.ts\nDA:1,0\nDA:2,5\nend_of_record\n" +
    "SF:/t/tests/a_test.ts\nDA:1,1\nend_of_record\n";
  assertEquals(readLcov(text, "/t"), { "lib/a.ts": [2] });
});

Deno.test("linesNow() has all lines of a file that has changed since", async () => {
  const hashes = { a: await shortHash("1\n2"), b: "other", c: "x", d: "x" };
  const lines = { a: [2], b: [2], c: [], d: [1] };
  const texts = new Map([["a", "1\n2"], ["b", "1\n2\n3"], ["c", "1"]]);
  assertEquals(await linesNow({ seconds: 1, lines, hashes }, texts), {
    seconds: 1,
    lines: { a: [2], b: [1, 2, 3], c: [], d: [] },
  });
});
