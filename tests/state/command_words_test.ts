import { assertEquals } from "@std/assert";
import { formatJson, parseJson } from "../../lib/state/json.ts";
import {
  applyChange,
  inverse,
  type RuntimeChange,
} from "../../lib/state/runtime_change.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import { assert, disk, runtimeText, uuidOf } from "../support/facts.ts";

const WORDS = ["-device", "lsi,id=scsi,bus=pci.0,addr=0xb"];

const CHANGE: RuntimeChange = {
  change: "insert",
  list: "disks",
  uuid: uuidOf("disk", 1),
  entry: JSON.stringify(disk(1, 13)),
  words: WORDS,
};

function applied(document: string, change: RuntimeChange): string {
  const root = parseJson(document);
  assert(root.type === "array");
  return formatJson(applyChange(root, change));
}

const BEFORE = runtimeText({ disks: [disk(0, 12)] }).trim();

Deno.test("applyChange() adds words to kvm_cmd with the entry, once", () => {
  const after = applied(BEFORE, CHANGE);
  const [command, , , disks] = JSON.parse(after);
  assertEquals(command.slice(-2), WORDS);
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
  assertEquals(JSON.parse(after)[0].slice(-2), WORDS);
});
