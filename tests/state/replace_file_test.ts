import { assertEquals, assertThrows } from "@std/assert";
import { replaceFile } from "../../lib/state/replace_file.ts";
import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";

/**
 * Replaces `old` by `new`, while somebody else writes.
 *
 * @param writes what is there just before the replacing, 1, and before each
 * reading, from 2 on
 * @returns whether it was replaced, and what is in the place then
 */
function replaced(
  writes: (reading: number) => string | undefined,
): [boolean, string, string[]] {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/to`, "old");
    Deno.writeTextFileSync(`${folder}/from`, "new");
    using dir = openFile(folder, O.RDONLY | O.DIRECTORY);
    let moments = 0;
    const theirTurn = () => {
      const written = writes(++moments);
      if (written === undefined) return;
      // As Ganeti does: a file of its own, renamed.
      Deno.writeTextFileSync(`${folder}/theirs`, written);
      Deno.renameSync(`${folder}/theirs`, `${folder}/to`);
    };
    theirTurn();
    const done = replaceFile({
      ...{ dir, from: "from", to: "to", was: "old", put: "new" },
      textOf(name) {
        theirTurn();
        return Deno.readTextFileSync(`${folder}/${name}`);
      },
    });
    const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
    return [done, Deno.readTextFileSync(`${folder}/to`), names.sort()];
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("replaceFile() leaves nothing beside what it has put in place", () => {
  assertEquals(replaced(() => undefined), [true, "new", ["to"]]);
});

Deno.test("replaceFile() lets stand what somebody wrote meanwhile", () => {
  // Before the exchange; and again while that is put back.
  const once = replaced((reading) => reading === 1 ? "theirs" : undefined);
  assertEquals(once, [false, "theirs", ["from", "to"]]);
  for (const times of [2, 3, 4]) {
    const again = replaced((reading) =>
      reading <= times ? `theirs ${reading}` : undefined
    );
    assertEquals(again, [false, `theirs ${times}`, ["from", "to"]]);
  }
});

Deno.test("replaceFile() gives up when somebody keeps writing", () => {
  assertThrows(() => replaced((reading) => `${reading}`), Error, "keeps");
});
