import { assertEquals } from "@std/assert";
import { splitWords } from "../../lib/shell/words.ts";
import { refusal } from "../support/facts.ts";

Deno.test("splitWords() takes quotes as sh does, and JSON as it is", () => {
  for (
    const [line, words] of [
      ["", []],
      ["   ", []],
      ["a", ["a"]],
      ["  a  b\tc ", ["a", "b", "c"]],
      ["a 'b  c' d", ["a", "b  c", "d"]],
      [`a "b 'c' d"`, ["a", "b 'c' d"]],
      [`a 'b "c" d'`, ["a", 'b "c" d']],
      [`a "b \\" c"`, ["a", 'b " c']],
      ["a 'b \\ c'", ["a", "b \\ c"]],
      ["a\\ b c\\\\", ["a b", "c\\"]],
      ["a '' \"\"", ["a", "", ""]],
      ["x'y z'w", ["xy zw"]],
      ['q {"a": 1, "b": "c  d"} ', ["q", '{"a": 1, "b": "c  d"}']],
      ["{a b}", ["{a", "b}"]],
      ["q x{a b", ["q", "x{a", "b"]],
      ["q '{a' b", ["q", "{a", "b"]],
      ["a\\", ["a"]],
    ] as const
  ) {
    assertEquals(splitWords(line), [...words], line);
  }
  for (const quote of ["'", '"']) {
    const { message } = refusal("usage", () => splitWords(`a ${quote}b c`));
    assertEquals(message, `The quote ${quote} is not closed`);
  }
});
