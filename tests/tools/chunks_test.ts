import { assertEquals, assertThrows } from "@std/assert";
import { canJoin, joinChunks, type Joined } from "../../tools/build/chunks.ts";

/** Runs a joined program; what its chunks put on `said` comes back. */
async function run({ code, texts }: Joined): Promise<string[]> {
  const program = `const texts=${JSON.stringify(texts)},` +
    `evaluateText=index=>(0,eval)(texts[index]);${code}`;
  const said: string[] = [];
  Object.assign(globalThis, { said });
  try {
    await import(`data:text/javascript,${encodeURIComponent(program)}`);
  } finally {
    Reflect.deleteProperty(globalThis, "said");
  }
  return said;
}

const SHARED = {
  name: "chunk-A.js",
  code: 'said.push("A");var t=1;export{t as a};',
};

Deno.test("joinChunks() runs a chunk once, when it is first imported", async () => {
  const main = {
    name: "main.js",
    code: 'import{a as e}from"./chunk-A.js";said.push("main",e);' +
      'var{b}=await import("./late-B.js");await import("./late-B.js");said.push(b);',
  };
  const late = {
    name: "late-B.js",
    code: 'import"./chunk-A.js";said.push("B");var n=2;export{n as b};',
  };
  const unused = { name: "late-C.js", code: 'said.push("C");export{};' };
  const said = await run(joinChunks([main, late, unused, SHARED]));
  assertEquals(said.map(String), ["A", "main", "1", "B", "2"]);
});

Deno.test("joinChunks() puts what is needed together into one text", () => {
  const main = { name: "main.js", code: 'import"./chunk-A.js";main();' };
  const chunk = (name: string, code = "") => ({
    name,
    code: `${code}export{};`,
  });
  const late = chunk("lib/late.js", 'import"./chunk-B.js";late();');
  const other = chunk("lib/other-CCCCCCCC.js", 'import"./chunk-A.js";other();');
  const shared = { name: "chunk-B.js", code: "b();export{};" };
  const chunks = [main, late, other, shared, SHARED] as const;
  const together = [["main.js"], ["lib/late.js"]];
  const { texts } = joinChunks([...chunks], together);
  const words = ["main()", "late()", "other()", "b()", 'push("A")'];
  const found = texts.map((text) =>
    words.filter((word) => text.includes(word))
  );
  assertEquals(found, [
    ["main()", 'push("A")'],
    ["late()", "b()"],
    ["other()"],
  ]);
  assertThrows(() => joinChunks([...chunks], [["gone.js"]]), Error, "gone.js");
});

Deno.test("joinChunks() refuses what it does not understand", () => {
  const odd = { name: "main.js", code: 'import t from"./chunk-A.js";t();' };
  assertThrows(() => joinChunks([odd, SHARED]), Error, "main.js");
});

Deno.test("canJoin() is false where a module needs Node or its own address", () => {
  const chunk = (code: string) => [{ name: "main.js", code }];
  assertEquals(canJoin(chunk('import"node:fs";')), false);
  assertEquals(canJoin(chunk("import.meta.url;")), false);
  assertEquals(canJoin([SHARED]), true);
});
