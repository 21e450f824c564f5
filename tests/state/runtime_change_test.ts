import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  formatJson,
  type JsonArray,
  jsonNode,
  parseJson,
} from "../../lib/state/json.ts";
import { formatRuntime, parseRuntime } from "../../lib/state/runtime.ts";
import {
  applyChange,
  changeCheck,
  changeTitle,
  holdsChange,
  inverse,
  type RuntimeChange,
} from "../../lib/state/runtime_change.ts";
import {
  assert,
  disk,
  nic,
  present,
  runtime,
  runtimeText,
  sample,
  sampleNames,
  uuidOf,
} from "../support/facts.ts";

const DISK_SLOTS = 12;

function insertDisk(number: number, index?: number): RuntimeChange {
  const entry = disk(number, DISK_SLOTS + number);
  return {
    change: "insert",
    list: "disks",
    uuid: uuidOf("disk", number),
    entry: formatJson(jsonNode(entry)),
    ...(index === undefined ? {} : { index }),
  };
}

Deno.test("applyChange() appends as Ganeti does", () => {
  const before = parseRuntime(sample("05"), "x");
  const after = formatRuntime(applyChange(before.root, insertDisk(7)));
  const entry = formatJson(jsonNode(disk(7, 19)));
  assertEquals(after, sample("05").replace(/\]\]\n$/, `, ${entry}]]\n`));
  assertEquals(parseRuntime(after, "x").disks.length, 3);
});

Deno.test("applyChange() twice is applyChange() once", () => {
  const { root } = parseRuntime(sample("05"), "x");
  const changes: RuntimeChange[] = [
    insertDisk(7),
    insertDisk(7, 0),
    { change: "delete", list: "disks", uuid: uuidOf("disk", 9) },
    {
      change: "delete",
      list: "disks",
      uuid: "D0000001-1111-4111-8111-000000000001",
    },
    {
      change: "delete",
      list: "nics",
      uuid: "a0000000-1111-4111-8111-000000000000",
    },
  ];
  for (const change of changes) {
    const once = applyChange(root, change);
    assertEquals(applyChange(once, change), once);
  }
  const absent = present(changes[2]);
  assertEquals(applyChange(root, absent), root);
});

Deno.test("inverse() restores every sample to the byte", () => {
  for (const name of sampleNames()) {
    const before = parseRuntime(sample(name), name);
    const changes: RuntimeChange[] = [insertDisk(7), insertDisk(7, 0)];
    for (const list of ["disks", "nics"] as const) {
      for (const { uuid } of before[list]) {
        if (uuid) changes.push({ change: "delete", list, uuid });
      }
    }
    for (const change of changes) {
      const after = applyChange(before.root, change);
      const changed = formatRuntime(after) !== sample(name);
      assert(changed, `${name} ${JSON.stringify(change)}`);
      const back = applyChange(after, inverse(change, before));
      assertEquals(formatRuntime(back), sample(name));
    }
  }
});

Deno.test("inverse() survives being stored as JSON", () => {
  const before = parseRuntime(sample("05"), "x");
  const uuid = "d0000000-1111-4111-8111-000000000000";
  const change: RuntimeChange = { change: "delete", list: "disks", uuid };
  const stored = JSON.parse(JSON.stringify(inverse(change, before)));
  const after = applyChange(before.root, change);
  assertEquals(formatRuntime(applyChange(after, stored)), sample("05"));
});

Deno.test("applyChange() keeps unknown keys and trailing elements", () => {
  const text =
    '[["kvm", 1.0], [{"9": 1, "uuid": "u", "hvinfo": {}, "1": 2.50}], ' +
    '{"acpi": true, "7": "x", "7": "y"}, ' +
    '[[{"role": "firmware", "3": [], "uuid": "w"}, null, null, "fourth"]], ' +
    '4, {"memory": 1e3}]\n';
  const before = parseRuntime(text, "x");
  const change = insertDisk(1);
  const after = applyChange(before.root, change);
  const entry = formatJson(jsonNode(disk(1, 13)));
  assertEquals(
    formatRuntime(after),
    text.replace(', "fourth"]]', `, "fourth"], ${entry}]`),
  );
  assertEquals(
    formatRuntime(applyChange(after, inverse(change, before))),
    text,
  );
});

Deno.test("applyChange() works on a list that Ganeti changed meanwhile", () => {
  const mine = runtime({ disks: [disk(0, 12), disk(1, 13), disk(2, 14)] });
  const back = inverse({
    change: "delete",
    list: "disks",
    uuid: uuidOf("disk", 2),
  }, mine);
  const theirs = runtime({ disks: [disk(0, 12)], nics: [nic(0, 15)] });
  const text = formatRuntime(applyChange(theirs.root, back));
  assertEquals(
    parseRuntime(text, "x").disks.map((one) => one.uuid),
    [uuidOf("disk", 0), uuidOf("disk", 2)],
  );
});

Deno.test("applyChange() leaves the document it was given as it is", () => {
  const text = runtimeText({ disks: [disk(0, 12)] });
  const { root } = parseRuntime(text, "x");
  applyChange(root, insertDisk(1));
  assertEquals(formatRuntime(root), text);
});

Deno.test("applyChange() keeps the white space of other writers", () => {
  const plain = JSON.parse(sample("05"));
  const texts = [
    JSON.stringify(plain),
    JSON.stringify(plain, null, 2) + "\n",
    JSON.stringify([plain[0], [], plain[2], []]),
    JSON.stringify([plain[0], [], plain[2], [plain[3][0]]], null, 1) + "\n\n",
    `${JSON.stringify(plain, null, "\t")}  `,
  ];
  for (const text of texts) {
    const before = parseRuntime(text, "/r");
    const change = insertDisk(7);
    const after = applyChange(before.root, change);
    const tail = /\s*$/.exec(text)?.[0];
    const changed = formatRuntime(after, tail);
    assertEquals(JSON.parse(changed)[3].length, before.disks.length + 1);
    const read = parseRuntime(changed, "/r");
    const back = inverse(change, before);
    assertEquals(formatRuntime(applyChange(read.root, back), tail), text);
    assertEquals(formatRuntime(applyChange(after, back), tail), text);
  }
});

const DELETE_FIRST = {
  change: "delete",
  list: "disks",
  uuid: uuidOf("disk", 0),
} as const;

/** One change of each kind, on a file of a disk and a NIC; and its title. */
const KINDS: readonly [RuntimeChange, string][] = [
  [insertDisk(1), "the entry of disk"],
  [
    {
      ...insertDisk(1),
      words: { title: "controller", put: ["-device", "x"] },
    } as RuntimeChange,
    "the entry of disk d0000001-1111-4111-8111-000000000001 and its controller",
  ],
  [
    { change: "words", words: { title: "vcpu-3", put: ["-device", "x"] } },
    "vcpu-3",
  ],
  [DELETE_FIRST, "the removal of disk"],
  [
    { change: "delete", list: "nics", uuid: uuidOf("nic", 0) },
    "the removal of NIC",
  ],
  [{
    ...DELETE_FIRST,
    change: "entry",
    entry: formatJson(jsonNode(disk(0, 17))),
  }, "the new entry of disk"],
  [
    { ...DELETE_FIRST, change: "members", members: { size: "7" } },
    "the size of disk",
  ],
  [
    { ...DELETE_FIRST, change: "members", members: { hvinfo: "{}" } },
    "the QEMU device of disk",
  ],
  [
    { ...DELETE_FIRST, change: "members", members: { a: "1", name: null } },
    "a, name of disk",
  ],
  [{
    change: "links",
    links: [{ uuid: uuidOf("disk", 0), link: "/dev/new" }],
  }, "the disks' links"],
];

Deno.test("holdsChange() is so after a change, and not before or undone", () => {
  const before = runtime({ disks: [disk(0, 12)], nics: [nic(0, 15)] });
  const understood = (root: typeof before.root) =>
    parseRuntime(formatRuntime(root), "x");
  for (const [change, title] of KINDS) {
    assertStringIncludes(changeTitle(change), title);
    assertEquals(holdsChange(before, change), false, title);
    const after = understood(applyChange(before.root, change));
    assertEquals(holdsChange(after, change), true, title);
    const back = applyChange(after.root, inverse(change, before));
    assertEquals(formatRuntime(back), formatRuntime(before.root), title);
    assertEquals(holdsChange(understood(back), change), false, title);
  }
});

Deno.test("changeCheck() takes each change as a journal keeps it", () => {
  const before = runtime({ disks: [disk(0, 12)], nics: [nic(0, 15)] });
  const isWords = (value: unknown): value is readonly string[] =>
    Array.isArray(value);
  const check = changeCheck(isWords as Parameters<typeof changeCheck>[0]);
  const kinds = KINDS.map(([change]) => change);
  for (const change of [...kinds, insertDisk(1, 0), insertDisk(1, 1e6)]) {
    for (const one of [change, inverse(change, before)]) {
      assertEquals(check(JSON.parse(JSON.stringify(one))), true);
      assertEquals(check({ ...one, more: 1 }), false);
    }
  }
  for (const index of [-1, 0.5, 1e6 + 1]) {
    assertEquals(check(insertDisk(1, index)), false);
  }
});

Deno.test("an upgrade is a change: it is held, and taken back", () => {
  const change = { change: "upgrade" } as const;
  assertEquals(changeTitle(change), "the current form");
  const old = parseRuntime('[["kvm", "-localtime"], [], {}, []]', "x");
  assertEquals(holdsChange(old, change), false);
  const after = applyChange(old.root, change);
  const now = parseRuntime(formatRuntime(after), "x");
  assertEquals(holdsChange(now, change), true);
  assertEquals("was" in inverse(change, now), false);
  const back = inverse(change, old);
  assertEquals(
    formatRuntime(applyChange(after, back)),
    formatRuntime(old.root),
  );
  // Somebody changed it since: what they wrote is not lost.
  const theirs = applyChange(after, insertDisk(3));
  assertEquals(
    formatRuntime(applyChange(theirs, back)),
    formatRuntime(theirs),
  );
});

Deno.test("inverse() and applyChange() refuse what is not there", () => {
  const before = runtime({ disks: [disk(0, 12)] });
  const none = { ...DELETE_FIRST, uuid: uuidOf("disk", 7) };
  assertThrows(() => inverse(none, before), TypeError, "no entry");
  const three = parseJson("[[], [], {}, 7]") as JsonArray;
  assertThrows(() => applyChange(three, none), TypeError, "no list disks");
});

Deno.test("applyChange() gives an entry another uuid, and takes it back", () => {
  const before = runtime({ disks: [disk(0, 12), disk(1, 13)] });
  const [uuid, to] = [uuidOf("disk", 1), uuidOf("disk", 9)];
  const entry = formatJson(jsonNode(disk(1, 13, { uuid: to })));
  const change = { change: "entry", list: "disks", uuid, to, entry } as const;
  const noWords = (_: unknown): _ is readonly string[] => false;
  const check = changeCheck(noWords as Parameters<typeof changeCheck>[0]);
  assert(check(JSON.parse(JSON.stringify(change))));
  assertEquals(holdsChange(before, change), false);
  const after = applyChange(before.root, change);
  const now = parseRuntime(formatRuntime(after), "x");
  assertEquals(now.disks.map((one) => one.uuid), [uuidOf("disk", 0), to]);
  assertEquals(holdsChange(now, change), true);
  assertEquals(applyChange(after, change), after);
  const back = applyChange(after, inverse(change, before));
  assertEquals(formatRuntime(back), formatRuntime(before.root));
});

Deno.test("firmware is no device, and keeps its place in the list", () => {
  const firmware = [{ role: "firmware", uuid: uuidOf("disk", 8) }, "/f", null];
  const before = runtime({ disks: [firmware, disk(0, 12), disk(1, 13)] });
  const shown = before.disks.map(({ uuid, index }) => [uuid, index]);
  assertEquals(shown, [[uuidOf("disk", 0), 0], [uuidOf("disk", 1), 1]]);
  assertEquals(before.firmware, [uuidOf("disk", 8)]);
  const uuid = uuidOf("disk", 0);
  const change = { change: "delete", list: "disks", uuid } as const;
  const after = applyChange(before.root, change);
  const back = applyChange(after, inverse(change, before));
  assertEquals(formatRuntime(back), formatRuntime(before.root));
});
