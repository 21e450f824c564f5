/** Which functions' code the executable carries. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  functionKey,
  readUsed,
  usedPlaces,
} from "../../tools/build/code_cache/used.ts";
import { joinProject } from "../../tools/build/executable.ts";

const TEXT = "({1:function(a,b){function c(d){return d.size+12}" +
  "const e=f=>f.name;class G{static async open(h){return h}#i(j){return j}}" +
  "return{c,e,G}}})";

Deno.test("functionKey() does not depend on the names of minifying", () => {
  const [one, other] = [
    TEXT,
    TEXT.replace("c(d){return d.", "xY(q){return q."),
  ];
  const at = TEXT.indexOf("function c");
  assertEquals(functionKey(one, at), functionKey(other, at));
  const changed = TEXT.replace("d.size", "d.length");
  assertNotEquals(functionKey(one, at), functionKey(changed, at));
});

Deno.test("usedPlaces() finds functions, methods and arrow functions", () => {
  // Where coverage says that they begin, and a place inside.
  const begins = ["function c", "f=>", "static async open", "#i("];
  const insides = ["(d)", "f=>", "(h)", "(j)"];
  const used = new Set(
    begins.map((one) => functionKey(TEXT, TEXT.indexOf(one))),
  );
  assertEquals(
    usedPlaces(TEXT, used),
    insides.map((one) => TEXT.indexOf(one)),
  );
  assertEquals(usedPlaces(TEXT, new Set()), []);
});

Deno.test("used.txt is about this program", async () => {
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-used-" });
  try {
    const { texts } = await joinProject(folder);
    const used = await readUsed();
    const places = texts.flatMap((text) => usedPlaces(text, used));
    // If it is not: deno task profile
    assert(places.length > 0.7 * used.size, `${places.length}/${used.size}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
