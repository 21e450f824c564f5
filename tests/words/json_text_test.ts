import { assertEquals } from "@std/assert";
import { JsonText } from "../../lib/words/json_text.ts";
import { jsonLine } from "../../lib/words/text.ts";
import { assert } from "../support/facts.ts";

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

Deno.test("jsonLine() writes a JSON text that is the whole document", () => {
  assertEquals(jsonLine(new JsonText('{"a": 1e400}')), '{"a": 1e400}');
  assertEquals(jsonLine(new JsonText('"x"')), '"x"');
});
