/** Comments and pages are in plain English: CONTRIBUTING, "Rules". */
import { assertEquals } from "@std/assert";
import { RIDDLES, riddlesIn } from "./riddles.ts";
import { commentsOf, libFiles, readSource } from "./source.ts";

/** Pages for people; docs/ganeti.md quotes Ganeti. */
const PAGES = [
  "README.md",
  "CONTRIBUTING.md",
  "docs/architecture.md",
  "docs/code_cache.md",
  "docs/interface.md",
  "docs/operating.md",
  "docs/platforms.md",
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

/**
 * Texts with a riddle that are allowed: an upper bound, to be lowered with each
 * clean-up. A change that adds one finds its place in the list of the failure.
 */
const MOST = { comments: 60, pages: 24 };

/** Fails with the whole list, if it is longer than it may be. */
function assertFew(found: readonly string[], most: number) {
  assertEquals(found.length > most ? found : [], []);
}

Deno.test("hardly a comment has to be read twice", () => {
  const comments = [readSource("main.ts"), ...libFiles()].flatMap((file) =>
    commentsOf(file).map((text) => ({ path: file.path, text }))
  );
  assertEquals(comments.length > 3000, true, "the comments are found");
  const found = comments.flatMap(({ path, text }) =>
    riddlesIn(withoutCode(text), RIDDLES)
      .map((why) => `${path}: ${text} (${why})`)
  );
  assertFew(found, MOST.comments);
});

Deno.test("hardly a page has to be read twice", () => {
  const found = PAGES.flatMap((path) =>
    paragraphsOf(readSource(path).text).flatMap((text) =>
      riddlesIn(text, RIDDLES).map((why) => `${path}: ${text} (${why})`)
    )
  );
  assertFew(found, MOST.pages);
});
