import { assertEquals } from "@std/assert";
import { optionValues } from "../../lib/state/fixed_command.ts";

Deno.test("optionValues() gives the value of each occurrence", () => {
  const words = ["-device", "a", "--device", "b", "-M", "pc", "-device"];
  assertEquals(optionValues(words, "-device"), ["a", "b"]);
  assertEquals(optionValues(words, "-x"), []);
});
