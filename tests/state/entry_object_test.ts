import { assertEquals } from "@std/assert";
import {
  membersOf,
  replaceMembers,
  uuidOf,
  withHvinfo,
} from "../../lib/state/entry_object.ts";
import {
  formatJson,
  type JsonNode,
  type JsonObject,
  parseJson,
} from "../../lib/state/json.ts";

function keysOf(node: JsonNode): string {
  return Object.keys(JSON.parse(formatJson(node))).join(" ");
}

Deno.test("withHvinfo() stands where Ganeti's writer puts it", () => {
  const behind = {
    nic: ["uuid"],
    disk: ["serial_no", "dynamic_params", "uuid", "ctime", "mtime"],
  } as const;
  for (const kind of ["nic", "disk"] as const) {
    for (const key of behind[kind]) {
      const device = parseJson(`{"size": 1, "${key}": 2}`) as JsonObject;
      const keys = keysOf(withHvinfo(device, kind, "{}"));
      assertEquals(keys, `size hvinfo ${key}`);
    }
    const device = parseJson('{"size": 1}') as JsonObject;
    assertEquals(keysOf(withHvinfo(device, kind, "{}")), "size hvinfo");
  }
});

Deno.test("replaceMembers() puts new members where they belong", () => {
  const nic = '{"mac": "m", "netinfo": 1, "hvinfo": {}, "uuid": "u"}';
  const cases: [Record<string, string | null>, string][] = [
    [{ name: '"n"' }, "name mac netinfo hvinfo uuid"],
    [{ ip: '"i"', network: null }, "mac ip netinfo hvinfo uuid"],
    [{ pci: "1" }, "mac netinfo pci hvinfo uuid"],
    [{ later: "1" }, "mac netinfo later hvinfo uuid"],
    [{ netinfo: null, mac: '"x"' }, "mac hvinfo uuid"],
  ];
  for (const [members, keys] of cases) {
    const after = replaceMembers(parseJson(nic), members, "nics");
    assertEquals(keysOf(after), keys);
    assertEquals(membersOf(after, Object.keys(members)), members);
  }
  const bare = replaceMembers(parseJson('{"uuid": "u"}'), { x: "1" }, "nics");
  assertEquals(keysOf(bare), "x uuid");
  const entry = parseJson(`[{"name": "d", "uuid": "U"}, "/link", null]`);
  const after = replaceMembers(entry, { name: '"e"', children: "[]" }, "disks");
  assertEquals(
    formatJson(after),
    '[{"name": "e", "children": [], "uuid": "U"}, "/link", null]',
  );
  assertEquals(uuidOf("disks", after), "u");
  const twice = parseJson('{"mac": "a", "mac": "b", "uuid": "u"}');
  assertEquals(
    formatJson(replaceMembers(twice, { mac: '"c"' }, "nics")),
    '{"mac": "a", "mac": "c", "uuid": "u"}',
  );
  const odd = parseJson("7");
  assertEquals(replaceMembers(odd, { mac: '"c"' }, "nics"), odd);
});
