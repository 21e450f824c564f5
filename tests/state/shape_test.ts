import { assertEquals } from "@std/assert";
import { parseJson } from "../../lib/state/json.ts";
import { shapeOf } from "../../lib/state/shape.ts";
import { assert, sample, sampleNames } from "../support/facts.ts";

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
