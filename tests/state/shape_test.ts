import { assertEquals } from "@std/assert";
import { JsonText } from "../../lib/words/json_text.ts";
import { jsonLine } from "../../lib/words/text.ts";
import { parseJson } from "../../lib/state/json.ts";
import { shapeOf } from "../../lib/state/shape.ts";
import { optionValues } from "../../lib/state/kvm_options.ts";
import { assert, sample, sampleNames } from "../support/facts.ts";

Deno.test("jsonLine() writes JSON texts to the letter", () => {
  const text = '{"2": 1.50,\n\t"1": [1e400, "a\\n\\"b\\u0000"]}';
  const line = jsonLine({ a: new JsonText(text), b: [new JsonText("[]")] });
  assertEquals(
    line,
    '{"a":{"2": 1.50, "1": [1e400, "a\\n\\"b\\u0000"]},"b":[[]]}',
  );
  assertEquals(JSON.parse(line).b, [[]]);
});

Deno.test("jsonLine() writes a JSON text of megabytes", () => {
  const text = `["${"x".repeat(12e6)}\\\\", "\\""]`;
  const line = jsonLine({ a: new JsonText(text), b: 1 });
  assert(line === `{"a":${text},"b":1}`);
});

Deno.test("jsonLine() escapes what is unsafe in a JSON text, too", () => {
  const line = jsonLine({ a: new JsonText('"\u202e"') });
  assertEquals(line, '{"a":"\\u202e"}');
});

Deno.test("shapeOf() tells the releases apart", () => {
  const shapes = sampleNames().filter((one) => !one.includes("upgraded"))
    .map((name) => {
      const root = parseJson(sample(name));
      assert(root.type === "array");
      return [name.slice(0, 2), shapeOf(root)];
    });
  assertEquals(shapes, [
    ["02", "2.10"],
    ["03", "3.0"],
    ["04", "3.0"],
    ["05", "3.1"],
    ["07", "3.1"],
    ["08", "3.1"],
    ["10", "3.1"],
  ]);
  const cases: [string, string][] = [
    ["[[], [], {}]", "2.9"],
    ['[[], [{"mac": "x"}], {}]', "2.7"],
    ['[[], [{"uuid": "u", "hvinfo": {"id": "x"}}], {}, []]', "2.16"],
    ["[[], [], {}, []]", "3.1"],
    ['[["-chroot", "/c"], [], {}, []]', "3.0"],
    ['[[], [], {"boot_type": "bios"}, []]', "3.2"],
  ];
  for (const [text, shape] of cases) {
    const root = parseJson(text);
    assert(root.type === "array");
    assertEquals(shapeOf(root), shape, text);
  }
});

Deno.test("optionValues() gives the value of each occurrence", () => {
  const words = ["-device", "a", "--device", "b", "-M", "pc", "-device"];
  assertEquals(optionValues(words, "-device"), ["a", "b"]);
  assertEquals(optionValues(words, "-x"), []);
});
