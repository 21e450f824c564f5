import { assertEquals } from "@std/assert";
import { formatJson, type JsonArray, parseJson } from "../../lib/state/json.ts";
import {
  applyChange,
  inverse,
  type RuntimeChange,
} from "../../lib/state/runtime_change.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import { assert, uuidOf } from "../support/facts.ts";

const HVINFO = '{"driver": "virtio-blk-pci", "id": "d", "addr": "0xc"}';

function text(hvinfo: string): string {
  return `[["kvm"], [{"mac":"aa:00:00:00:00:01" , "hvinfo":{}, "uuid": "${
    uuidOf("nic", 1)
  }"}], {"x":1.0},  [[{"size": 1.50, "hvinfo": ${hvinfo}, "7": null, "uuid": "${
    uuidOf("disk", 1)
  }"}, "/srv/d1", null , 5]]]`;
}

const CHANGE = {
  change: "members",
  list: "disks",
  uuid: uuidOf("disk", 1),
  members: { hvinfo: HVINFO },
} satisfies RuntimeChange;

function applied(document: string, change: RuntimeChange): string {
  const root = parseJson(document);
  assert(root.type === "array");
  return formatJson(applyChange(root as JsonArray, change));
}

Deno.test("applyChange() of hvinfo changes nothing but that", () => {
  assertEquals(applied(text("{}"), CHANGE), text(HVINFO));
  assertEquals(applied(text(HVINFO), CHANGE), text(HVINFO));
});

Deno.test("applyChange() of hvinfo leaves a file without the entry", () => {
  const other: RuntimeChange = { ...CHANGE, uuid: uuidOf("disk", 2) };
  assertEquals(applied(text("{}"), other), text("{}"));
});

Deno.test("applyChange() of hvinfo finds a NIC, too", () => {
  const nic: RuntimeChange = {
    ...CHANGE,
    list: "nics",
    uuid: uuidOf("nic", 1),
    members: { hvinfo: '{"id": "n"}' },
  };
  const before = text("{}");
  const after = before.replace('"hvinfo":{}', '"hvinfo":{"id": "n"}');
  assertEquals(applied(before, nic), after);
});

Deno.test("inverse() of hvinfo puts back what was there", () => {
  const before = text('{ "bus" : "pci.0" }');
  const back = inverse(CHANGE, parseRuntime(before, "/x.runtime"));
  assertEquals(applied(applied(before, CHANGE), back), before);
});
