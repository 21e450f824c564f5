import { assertEquals } from "@std/assert";
import { COLLECTION } from "../../tools/ansible.ts";
import { literal, yamlTexts } from "../../tools/ansible/python.ts";
import { collectionFiles } from "../../tools/ansible/render.ts";

Deno.test("collectionFiles() makes the files that the project has", async () => {
  const files = await collectionFiles();
  for (const [path, text] of files) {
    const there = await Deno.readTextFile(`${COLLECTION}/${path}`);
    assertEquals(there, text, `${path}: run "deno task ansible"`);
  }
  const modules = [...Deno.readDirSync(`${COLLECTION}/plugins/modules`)];
  assertEquals(
    modules.map(({ name }) => `plugins/modules/${name}`).toSorted(),
    [...files.keys()].filter((path) => path.endsWith(".py")).toSorted(),
  );
});

Deno.test("literal() writes values as Python does", () => {
  assertEquals(
    literal({ a: true, b: ["x", 1], c: {} }),
    '{\n    "a": True,\n    "b": ["x", 1],\n    "c": {\n    },\n}',
  );
  const long = ["one".repeat(10), "two".repeat(10), "six".repeat(10)];
  assertEquals(literal(long).split("\n").length, 5);
});

Deno.test("yamlTexts() folds long texts", () => {
  assertEquals(yamlTexts(["a: b"], "  "), "  - >-\n    a: b\n");
  const lines = yamlTexts(["word ".repeat(40).trim()], "").split("\n");
  assertEquals(lines.every((line) => line.length <= 76), true);
});
