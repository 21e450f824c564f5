import { assertEquals, assertThrows } from "@std/assert";
import {
  changeCommand,
  type CommandChange,
  commandCheck,
  commandTitle,
  holdsCommand,
  inverseCommand,
} from "../../lib/state/command_change.ts";
import { formatJson, type JsonArray, parseJson } from "../../lib/state/json.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import {
  applyChange,
  inverse,
  type RuntimeChange,
} from "../../lib/state/runtime_change.ts";
import type { Check } from "../../lib/state/value_check.ts";
import { assert, disk, runtimeText, uuidOf } from "../support/facts.ts";

function parsed(text: string): JsonArray {
  const node = parseJson(text);
  assert(node.type === "array");
  return node;
}

function wordsOf(list: JsonArray): string[] {
  return JSON.parse(formatJson(list));
}

const DIMM = ["-object", "ram,id=mem-d,size=1", "-device", "pc-dimm,id=d"];
const VCPU = ["-device", "cpu,id=vcpu-1"];

/** Before, the change, and after: words without their quotes. */
const TABLE: readonly [string, Omit<CommandChange, "title">, string][] = [
  // At the end, or at a place.
  ["kvm -S -m 1", { put: VCPU }, "kvm -S -m 1 -device cpu,id=vcpu-1"],
  ["kvm -S -m 1", { put: VCPU, at: [2] }, "kvm -S -device cpu,id=vcpu-1 -m 1"],
  // Never between an option and its value, nor before the program.
  ["kvm -S -m 1", { put: VCPU, at: [3] }, "kvm -S -device cpu,id=vcpu-1 -m 1"],
  ["kvm -S -m 1", { put: VCPU, at: [99] }, "kvm -S -m 1 -device cpu,id=vcpu-1"],
  // What is the value of another option is not one.
  [
    "kvm -append -device cpu,id=vcpu-1",
    { put: VCPU },
    "kvm -append -device cpu,id=vcpu-1 -device cpu,id=vcpu-1",
  ],
  // Out again: those of one device need not stand together.
  [
    "kvm -object ram,id=mem-d,size=1 -m 1 -device pc-dimm,id=d -S",
    { take: DIMM },
    "kvm -m 1 -S",
  ],
  ["kvm -m 1 -device cpu,id=vcpu-1", { take: VCPU }, "kvm -m 1"],
  // Others in their place.
  [
    "kvm -object ram,id=mem-d,size=1 -m 1 -device pc-dimm,id=d -S",
    { take: DIMM, put: ["-object", "ram,id=mem-d,size=2", ...DIMM.slice(2)] },
    "kvm -object ram,id=mem-d,size=2 -m 1 -device pc-dimm,id=d -S",
  ],
  // More of them, or fewer.
  [
    "kvm -device cpu,id=vcpu-1 -S",
    { take: VCPU, put: DIMM },
    "kvm -object ram,id=mem-d,size=1 -S -device pc-dimm,id=d",
  ],
  [
    "kvm -object ram,id=mem-d,size=1 -S -device pc-dimm,id=d -S",
    { take: DIMM, put: VCPU },
    "kvm -device cpu,id=vcpu-1 -S -S",
  ],
];

Deno.test("changeCommand() changes whole options, once, and back to the byte", () => {
  for (const [text, some, after] of TABLE) {
    const change = { title: "x", ...some };
    const plain = JSON.stringify(text.split(" "));
    for (
      const document of [
        plain,
        plain.replaceAll('","', '", "'),
        JSON.stringify(JSON.parse(plain), null, 2),
      ]
    ) {
      const before = parsed(document);
      const changed = changeCommand(before, change);
      assertEquals(wordsOf(changed).join(" "), after);
      assertEquals(holdsCommand(wordsOf(before), change), false, text);
      assertEquals(holdsCommand(wordsOf(changed), change), true, text);
      assertEquals(changeCommand(changed, change), changed);
      const back = inverseCommand(change, before);
      assertEquals(formatJson(changeCommand(changed, back)), document);
      assertEquals(changeCommand(before, back), before);
    }
  }
});

Deno.test("changeCommand() keeps every other word to the letter", () => {
  const before =
    '["kvm",  1.50, "-name", "\\u00e4\\/", "-device", "cpu,id=vcpu-1", "-S"]';
  const take: CommandChange = { title: "x", take: VCPU };
  const changed = changeCommand(parsed(before), take);
  assertEquals(
    formatJson(changed),
    '["kvm",  1.50, "-name", "\\u00e4\\/", "-S"]',
  );
  const back = changeCommand(changed, inverseCommand(take, parsed(before)));
  assertEquals(wordsOf(back), JSON.parse(before));
});

Deno.test("changeCommand() works on a list that was changed meanwhile", () => {
  const before = parsed('["kvm", "-m", "1", "-device", "cpu,id=vcpu-1", "-S"]');
  const back = inverseCommand({ title: "x", take: VCPU }, before);
  const theirs = parsed('["kvm", "-name", "a", "-m", "1"]');
  assertEquals(
    wordsOf(changeCommand(theirs, back)).join(" "),
    "kvm -name a -device cpu,id=vcpu-1 -m 1",
  );
});

Deno.test("inverseCommand() leaves what was there before, and takes nothing else", () => {
  const there = parsed('["kvm", "-device", "cpu,id=vcpu-1"]');
  assertEquals(inverseCommand({ title: "x", put: VCPU }, there), {
    title: "x",
  });
  assertThrows(
    () => inverseCommand({ title: "x", take: VCPU, put: DIMM }, parsed("[]")),
    TypeError,
    "kvm_cmd has no x",
  );
});

Deno.test("commandCheck() takes whole options of some kind, and no more", () => {
  const ours = (value: unknown): value is readonly string[] =>
    JSON.stringify(value) === JSON.stringify(VCPU) ||
    JSON.stringify(value) === JSON.stringify(["-device"]) ||
    JSON.stringify(value) === JSON.stringify(["kvm", "x"]);
  const check = commandCheck(ours as Check<readonly string[]>);
  const good: CommandChange[] = [
    { title: "vcpu-1" },
    { title: "vcpu-1", put: VCPU },
    { title: "vcpu-1", take: VCPU, put: VCPU, at: [7] },
  ];
  for (const one of good) assertEquals(check(one), true);
  for (
    const one of [
      { put: VCPU },
      { title: "a\nb" },
      { title: "x", put: DIMM },
      { title: "x", put: ["-device"] },
      { title: "x", take: ["kvm", "x"] },
      { title: "x", put: VCPU, at: [0] },
      { title: "x", put: VCPU, more: 1 },
      VCPU,
    ]
  ) assertEquals(check(one), false, JSON.stringify(one));
});

Deno.test("commandTitle() tells what a change records", () => {
  const title = "vmem-0";
  assertEquals(commandTitle({ title, put: VCPU }), "vmem-0");
  assertEquals(commandTitle({ title, take: VCPU }), "the removal of vmem-0");
  assertEquals(
    commandTitle({ title, take: VCPU, put: DIMM }),
    "the new vmem-0",
  );
});

const CHANGE = {
  change: "insert",
  list: "disks",
  uuid: uuidOf("disk", 1),
  entry: JSON.stringify(disk(1, 13)),
  words: { title: "controller", put: ["-device", "lsi,id=scsi,addr=0xb"] },
} as const;

function applied(document: string, change: RuntimeChange): string {
  return formatJson(applyChange(parsed(document), change));
}

const BEFORE = runtimeText({ disks: [disk(0, 12)] }).trim();

Deno.test("applyChange() adds words to kvm_cmd with the entry, once", () => {
  const after = applied(BEFORE, CHANGE);
  const [command, , , disks] = JSON.parse(after);
  assertEquals(command.slice(-2), CHANGE.words.put);
  assertEquals(command.slice(0, -2), JSON.parse(BEFORE)[0]);
  assertEquals(disks.length, 2);
  assertEquals(applied(after, CHANGE), after);
});

Deno.test("inverse() of an entry with words gives the same bytes back", () => {
  const back = inverse(CHANGE, parseRuntime(BEFORE, "/x.runtime"));
  assertEquals(applied(applied(BEFORE, CHANGE), back), BEFORE);
  assertEquals(applied(BEFORE, back), BEFORE);
});

Deno.test("applyChange() of a removal leaves kvm_cmd alone", () => {
  const { list, uuid } = CHANGE;
  const after = applied(applied(BEFORE, CHANGE), {
    change: "delete",
    list,
    uuid,
  });
  assertEquals(JSON.parse(after)[0].slice(-2), CHANGE.words.put);
});
