import { assertEquals } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import {
  formatJson,
  type JsonArray,
  type JsonNode,
  parseJson,
} from "../../lib/state/json.ts";
import {
  formatRuntime,
  parseRuntime,
  type Runtime,
} from "../../lib/state/runtime.ts";
import {
  applyChange,
  inverse,
  type RuntimeChange,
} from "../../lib/state/runtime_change.ts";
import { upgradeRuntime } from "../../lib/state/upgrade.ts";
import { disk, nic, sample, sampleNames, uuidOf } from "../support/facts.ts";
import {
  fuzz,
  isSeedGiven,
  jsonText,
  oddKey,
  oddText,
  type Random,
} from "../support/prng.ts";

const SAMPLES = sampleNames().map(sample);

/** Understood, or refused as a bad file; nothing else may happen. */
function understand(text: string): Runtime | undefined {
  try {
    return parseRuntime(text, "/fuzz");
  } catch (error) {
    const refused = error instanceof HotplugError &&
      error.code === "bad-state-file";
    if (!refused) throw error;
    assertEquals(error.message.includes("\n"), false);
    return undefined;
  }
}

function changesOf({ disks, nics }: Runtime): RuntimeChange[] {
  const removals = [...disks, ...nics].flatMap(({ uuid, kind }) =>
    uuid === undefined
      ? []
      : [{ change: "delete", list: `${kind}s`, uuid } as RuntimeChange]
  );
  const entries = [
    { list: "disks", uuid: uuidOf("disk", 77), entry: disk(77, 20) },
    { list: "nics", uuid: uuidOf("nic", 77), entry: nic(77, 21) },
  ] as const;
  const insertions = entries.flatMap(({ list, uuid, entry }) =>
    [
      { change: "insert", list, uuid, entry: JSON.stringify(entry) },
      { change: "insert", list, uuid, entry: JSON.stringify(entry), index: 0 },
    ] as RuntimeChange[]
  );
  return [...removals, ...insertions];
}

/** The elements of the file and of its lists, each to the letter. */
function pieces(root: JsonNode): string[] {
  if (root.type !== "array") return [];
  return root.items.flatMap((item) =>
    item.type === "array" ? item.items.map(formatJson) : [formatJson(item)]
  );
}

/** Every change and its inverse leave the file as it was. */
function checkChanges(text: string, before: Runtime, exact: boolean) {
  assertEquals(formatJson(before.root), text.trim());
  const current = upgradeRuntime(before.root);
  checkUpgrade(before.root, current);
  for (const change of changesOf(before)) {
    const after = applyChange(before.root, change);
    const [now, then] = [pieces(after), pieces(current)];
    assertEquals(now.length !== then.length, true);
    // All but the entry itself is what the upgrade alone had given.
    const [long, short] = now.length > then.length ? [now, then] : [then, now];
    const at = long.findIndex((piece, i) => piece !== short[i]);
    assertEquals(long.toSpliced(at, 1), short);
    const stored = JSON.parse(JSON.stringify(inverse(change, before)));
    const back = applyChange(after, stored);
    assertEquals(pieces(back), pieces(before.root));
    if (exact) assertEquals(formatRuntime(back), text);
    understand(formatRuntime(after));
  }
}

/** What the upgrade may write or take away: SPEC 2.4. */
const UPGRADED = ["hvinfo", "pci", "uuid", "disk_discard"];

/** Every member and item at any depth, by its place, to the letter. */
function leaves(node: JsonNode, place = ""): string[] {
  if (node.type === "array") {
    return node.items.flatMap((item, i) => leaves(item, `${place}/${i}`));
  }
  if (node.type !== "object") return [`${place}=${formatJson(node)}`];
  return node.members.flatMap(({ key, keyText, value }, i) => {
    if (UPGRADED.includes(key)) return [];
    // Twins are told apart by how often their key stood there before.
    const twin = node.members.slice(0, i).filter((one) => one.key === key);
    return leaves(value, `${place}/${keyText}${twin.length || ""}`);
  });
}

/** All that is no business of the upgrade's is there to the letter. */
function checkUpgrade(before: JsonArray, after: JsonArray) {
  const untouched = (root: JsonArray) =>
    root.items.flatMap((item, i) => i === 0 ? [] : leaves(item, `${i}`));
  const [then, now] = [untouched(before), untouched(after)];
  // A disk's missing uri is the only thing that comes on top.
  assertEquals(
    now.filter((leaf) => !/^3\/\d+\/2=null$/.test(leaf)),
    then.filter((leaf) => !/^3\/\d+\/2=null$/.test(leaf)),
  );
  assertEquals(upgradeRuntime(after) === after, true);
}

/** A tree without its text, and with things a later Ganeti may add. */
function strangeTree(node: JsonNode, random: Random, depth = 0): string {
  const inner = (one: JsonNode) => strangeTree(one, random, depth + 1);
  if (node.type === "array") {
    const items = node.items.map(inner);
    // The lists of words, NICs and disks stay what they are.
    if (depth !== 1 && random.once(4)) items.push(jsonText(random, 2));
    return `[${items.join(", ")}]`;
  }
  if (node.type !== "object") return formatJson(node);
  const members = node.members.map((one) =>
    `${one.keyText}: ${inner(one.value)}`
  );
  while (random.once(2)) {
    const member = `${JSON.stringify(oddKey(random))}: ${jsonText(random, 2)}`;
    members.splice(random.below(members.length + 1), 0, member);
  }
  return `{${members.join(", ")}}`;
}

Deno.test("applyChange() and its inverse keep what a later Ganeti adds", () => {
  fuzz(400, (random) => {
    const source = parseJson(random.pick(SAMPLES));
    const text = strangeTree(source, random) + "\n";
    const before = understand(text);
    if (before === undefined) throw new Error(`refused: ${text}`);
    checkChanges(text, before, true);
  });
});

/** A sample with some characters changed, added or missing. */
function damaged(random: Random): string {
  let text = random.pick(SAMPLES);
  for (let i = random.below(3); i >= 0; i--) {
    const at = random.below(text.length);
    switch (random.below(4)) {
      case 0:
        text = text.slice(0, at);
        break;
      case 1: {
        const flipped = text.charCodeAt(at) ^ (1 << random.below(7));
        text = text.slice(0, at) + String.fromCharCode(flipped) +
          text.slice(at + 1);
        break;
      }
      case 2:
        text = text.slice(0, at) + text.slice(at + 1 + random.below(9));
        break;
      default:
        text = text.slice(0, at) + oddText(random, 4) + text.slice(at);
    }
    if (text === "") return text;
  }
  return text;
}

/** A sample with keys and elements taken out that older releases lacked. */
function aged(node: JsonNode, random: Random, depth = 0): string {
  const inner = (one: JsonNode) => aged(one, random, depth + 1);
  if (node.type === "array") {
    const whole = depth !== 0 || random.once(2);
    const items = whole ? node.items : node.items.slice(0, 3);
    return `[${items.map(inner).join(random.pick([",", ", ", ",\n  "]))}]`;
  }
  if (node.type !== "object") return formatJson(node);
  const old = ["hvinfo", "uuid", "driver", "disk_discard"];
  const members = node.members
    .filter(({ key }) => !old.includes(key) || random.below(3) > 0)
    .map(({ keyText, value }) =>
      `${keyText}${random.pick([":", ": "])}${inner(value)}`
    );
  if (depth > 1 && random.once(5)) members.push(`"pci": ${random.below(32)}`);
  return `{${members.join(random.pick([",", ", "]))}}`;
}

Deno.test("upgradeRuntime() leaves all else of an old file as it is", () => {
  fuzz(150, (random) => {
    const strange = strangeTree(parseJson(random.pick(SAMPLES)), random);
    const text = aged(parseJson(strange), random) + "\n";
    const before = understand(text);
    if (before === undefined) throw new Error(`refused: ${text}`);
    checkChanges(text, before, true);
  });
});

Deno.test("parseRuntime() understands a damaged file or refuses it", () => {
  const counts = { understood: 0, refused: 0 };
  fuzz(3000, (random) => {
    const text = damaged(random);
    const before = understand(text);
    counts[before === undefined ? "refused" : "understood"]++;
    if (before !== undefined && random.once(8)) {
      checkChanges(text, before, false);
    }
  });
  if (isSeedGiven()) return;
  assertEquals(counts.refused > 100 && counts.understood > 100, true);
});

/** A sample in which one value is another. */
function mistyped(random: Random): string {
  const source = random.pick(SAMPLES);
  const values: string[] = [];
  const collect = (node: JsonNode) => {
    values.push(formatJson(node));
    if (node.type === "array") node.items.forEach(collect);
    if (node.type === "object") {
      node.members.forEach((one) => collect(one.value));
    }
  };
  collect(parseJson(source));
  const value = random.pick(values);
  return source.replace(value, () => jsonText(random, 2));
}

Deno.test("parseRuntime() takes values of any type or refuses them", () => {
  fuzz(1500, (random) => {
    const text = mistyped(random);
    const before = understand(text);
    if (before !== undefined && random.once(8)) {
      checkChanges(text, before, false);
    }
  });
});

Deno.test("formatJson() writes any JSON as it was read", () => {
  fuzz(2000, (random) => {
    const text = jsonText(random, 6);
    const node = parseJson(text);
    assertEquals(formatJson(node), text);
    // What V8's own parser makes of it must be the same value.
    if (node.type === "number") assertEquals(node.value, JSON.parse(text));
  });
});

/** Whether the engine's own parser takes a text. */
function isJsonText(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

Deno.test("parseJson() takes exactly what JSON.parse does", () => {
  fuzz(3000, (random) => {
    let text = jsonText(random, 3);
    const at = random.below(text.length + 1);
    text = random.once(2)
      ? text.slice(0, at) + oddText(random, 3) + text.slice(at)
      : text.slice(0, at) + text.slice(at + 1);
    let taken = true;
    try {
      parseJson(text);
    } catch (error) {
      if (!(error instanceof Error && error.name === "JsonSyntaxError")) {
        throw error;
      }
      taken = false;
    }
    assertEquals(taken, isJsonText(text), JSON.stringify(text));
  });
});
