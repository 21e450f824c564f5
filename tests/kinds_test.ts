import { assertEquals } from "@std/assert";
import { parseInvocation } from "../lib/commands/args.ts";
import {
  KIND_COMMANDS,
  kindRequest,
  kindWords,
  loadKinds,
  loadKindViews,
  loadNotes,
  loadWholeKinds,
  recordedDevices,
} from "../lib/kinds.ts";
import { disk, nic, runtime } from "./support/facts.ts";

/** All kinds, in the order of the usage text. */
const WORDS = [
  ...new Set(KIND_COMMANDS.map(({ name }) => name.split(" ")[0] ?? "")),
];

Deno.test("KIND_COMMANDS has the commands of each kind, in order", () => {
  assertEquals(WORDS.slice(0, 2), ["disk", "nic"]);
  const names = KIND_COMMANDS.map(({ name }) => name);
  for (const word of WORDS) {
    assertEquals(names.includes(`${word} add`), true);
    assertEquals(names.includes(`${word} remove`), true);
  }
});

Deno.test("loadKinds() loads those that are wanted, each with its devices", async () => {
  const words = async (wanted?: readonly string[]): Promise<string[]> =>
    (await loadKinds(wanted)).map(({ word }) => word);
  assertEquals(await words(), WORDS);
  assertEquals([await words([]), await words(["x"])], [[], []]);
  const one = runtime({ disks: [disk(0, 13)], nics: [nic(0, 14)] });
  for (const word of ["disk", "nic"]) {
    const [kind, ...others] = await loadKinds([word, "x"]);
    const kinds = kind?.recorded(one).map(({ kind }) => kind);
    assertEquals([kind?.word, kinds, others], [word, [word], []]);
    const [whole] = await loadWholeKinds([word]);
    assertEquals(whole?.word, word);
    const { prepare, compare } = whole ?? {};
    assertEquals([typeof prepare, typeof compare], ["function", "function"]);
  }
});

Deno.test("recordedDevices() has those of every kind, in the kinds' order", () => {
  const one = runtime({ disks: [disk(0, 13)], nics: [nic(0, 14), nic(1, 15)] });
  const found = recordedDevices(one).map(({ kind, index }) => [kind, index]);
  assertEquals(found, [["disk", 0], ["nic", 0], ["nic", 1]]);
});

Deno.test("kindWords() has the kind of a request, or all", () => {
  const of = (kind: string) => kindWords({ kind, instance: "vm1" });
  assertEquals([of("disk-add"), of("nic-remove")], [["disk"], ["nic"]]);
  assertEquals([of("adopt"), of("diskless-x")], [WORDS, WORDS]);
});

Deno.test("kindRequest() asks each kind, and has none for other commands", () => {
  const kindOf = (...words: string[]) =>
    kindRequest(parseInvocation(words), "vm1")?.kind;
  assertEquals(kindOf("disk", "remove", "vm1", "0"), "disk-remove");
  assertEquals(kindOf("nic", "remove", "vm1", "0"), "nic-remove");
  assertEquals(kindOf("list"), undefined);
});

Deno.test("loadNotes() and loadKindViews() know every kind", async () => {
  assertEquals([...(await loadNotes()).keys()], WORDS);
  const views = await loadKindViews();
  const words: string[] = views.map(({ word }) => word);
  assertEquals(words, WORDS);
  const has = (name: string) =>
    views.slice(0, 2).map(({ members }) => Object.hasOwn(members, name));
  assertEquals([has("source"), has("mac")], [[true, false], [false, true]]);
});
