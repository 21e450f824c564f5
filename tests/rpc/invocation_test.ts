import { assertEquals, assertThrows } from "@std/assert";
import { commandAt } from "../../lib/commands/commands.ts";
import { HotplugError } from "../../lib/errors.ts";
import { ganetiKeys, invocationOf } from "../../lib/rpc/invocation.ts";
import { type JsonObject, parseJson } from "../../lib/state/json.ts";
import { present } from "../support/facts.ts";

const BASE = {
  command: undefined,
  operands: [],
  values: new Map<string, string>(),
  flags: new Set<string>(),
};

function object(value: unknown): JsonObject {
  return parseJson(JSON.stringify(value)) as JsonObject;
}

function read(command: string, params: unknown) {
  const spec = present(commandAt(command.split(" ")));
  const { operands, values, flags } = invocationOf(spec, object(params), BASE);
  return { operands, values: Object.fromEntries(values), flags: [...flags] };
}

Deno.test("invocationOf() takes keys spelled with _ or -", () => {
  const expected = {
    operands: ["vm1", "/x"],
    values: { "id-scheme": "ganeti", "bps-read": "512" },
    flags: ["read-only"],
  };
  const common = { instance: "vm1", source: "/x" };
  const low = { id_scheme: "ganeti", bps_read: 512, read_only: true };
  assertEquals(read("disk add", { ...common, ...low }), expected);
  const dash = { "id-scheme": "ganeti", "bps-read": 512, "read-only": true };
  assertEquals(read("disk add", { ...common, ...dash }), expected);
});

Deno.test("invocationOf() takes false for a flag that is left out", () => {
  const nic = { instance: "vm1", vhost: false, no_vhost: false };
  assertEquals(read("nic add", { ...nic, dry_run: false }).flags, []);
  const without = { instance: "vm1", no_vhost: true };
  assertEquals(read("nic add", without).flags, ["no-vhost"]);
});

Deno.test("ganetiKeys() takes null for Ganeti's extra alone", () => {
  const own = ["instance", "dev_type", "extra"];
  const keys = (params: unknown) =>
    ganetiKeys({ method: "m", own, params: object(params), base: BASE });
  const { params, options } = keys({ "dev-type": 1, extra: null, timeout: 2 });
  assertEquals(params.members.map(({ key }) => key), ["dev_type", "extra"]);
  assertEquals(Object.fromEntries(options.values), { timeout: "2" });
  for (const wrong of [{ instance: null }, { timeout: null }]) {
    assertThrows(() => keys(wrong), HotplugError, "must not be null");
  }
});
