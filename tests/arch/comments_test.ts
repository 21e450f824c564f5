/** Comments and pages are in plain English: CONTRIBUTING, "Rules". */
import { assertEquals } from "@std/assert";
import { RIDDLES, riddlesIn } from "./riddles.ts";
import { commentsOf, libFiles, readSource } from "./source.ts";

/** Pages for people. */
const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  "docs/architecture.md",
  "docs/code_cache.md",
  "docs/ganeti.md",
  "docs/interface.md",
  "docs/operating.md",
  "docs/platforms.md",
  "docs/speed.md",
  "integrations/ganeti/README.md",
  "tests/README.md",
];

/** Paragraphs of a page, each in one line, without code. */
function paragraphsOf(text: string): string[] {
  return withoutCode(text).split(
    /\n\s*\n|\n(?=[-|] |\d+\. )/,
  )
    .map((part) => part.replaceAll(/\s+/g, " ").trim());
}

/** Code and names in a text are not prose. */
function withoutCode(text: string): string {
  return text.replaceAll(/`[^`\n]+`|\{@link[^}]*\}/g, "`…`");
}

Deno.test("no comment has to be read twice", () => {
  const comments = [readSource("main.ts"), ...libFiles()].flatMap((file) =>
    commentsOf(file).map((text) => ({ path: file.path, text }))
  );
  assertEquals(comments.length > 3000, true, "the comments are found");
  const found = comments.flatMap(({ path, text }) =>
    riddlesIn(withoutCode(text), RIDDLES)
      .map((why) => `${path}: ${text} (${why})`)
  );
  assertEquals(found, []);
});

Deno.test("no page has to be read twice", () => {
  const found = PAGES.flatMap((path) =>
    paragraphsOf(readSource(path).text).flatMap((text) =>
      riddlesIn(text, RIDDLES).map((why) => `${path}: ${text} (${why})`)
    )
  );
  assertEquals(found, []);
});
