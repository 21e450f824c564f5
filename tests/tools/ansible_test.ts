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
    [...files.keys()].filter((path) => path.includes("/modules/")).toSorted(),
  );
});

Deno.test("literal() writes values as Python does", () => {
  assertEquals(
    literal({ a: true, b: ["x", 1], c: {} }),
    '{"a": True, "b": ["x", 1], "c": {}}',
  );
  const [one, two, six] = ["1".repeat(30), "2".repeat(30), "6".repeat(30)];
  assertEquals(
    literal({ long: [one, two, six], a: 1 }),
    `{
    "long": [
        "${one}", "${two}",
        "${six}",
    ],
    "a": 1,
}`,
  );
});

Deno.test("yamlTexts() folds texts that are long or that YAML reads", () => {
  const text = "Of C(disk add), C(disk set).";
  assertEquals(yamlTexts([text], "  "), `  - ${text}\n`);
  for (const sign of ["A: b", "A #b", "- A", "'A'", "yes", 'A"b']) {
    assertEquals(yamlTexts([sign], "  "), `  - >-\n    ${sign}\n`);
  }
  const lines = yamlTexts(["Word ".repeat(40).trim()], "").split("\n");
  assertEquals([lines[0], lines.length > 3], ["- >-", true]);
  assertEquals(lines.every((line) => line.length <= 76), true);
});
