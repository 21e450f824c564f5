/** A master's Disk and NIC objects as requests, and what is recorded of them. */
import { assertEquals, assertMatch } from "@std/assert";
import { ganetiDiskAdd, ganetiDiskRemove } from "../../lib/rpc/ganeti_disk.ts";
import { ganetiInstance } from "../../lib/rpc/ganeti_instance.ts";
import { ganetiNicAdd } from "../../lib/rpc/ganeti_nic.ts";
import { planDiskAdd } from "../../lib/disk/add.ts";
import { planNicAdd } from "../../lib/nic/add.ts";
import { type JsonObject, parseJson } from "../../lib/state/json.ts";
import {
  backend,
  disk,
  diskAddFacts,
  type FactsSpec,
  nicAddFacts,
  planOf,
  refusal,
  stepOf,
} from "../support/facts.ts";

const UUID = "d0000007-1111-4111-8111-000000000007";
const LINK = "/var/run/ganeti/instance-disks/vm1:1";
const NETWORK = "5f5c6f1e-2c3a-4a25-9d2b-6b8a1f3b9c10";

function object(text: string): JsonObject {
  const node = parseJson(text);
  if (node.type === "object") return node;
  throw new TypeError(text);
}

/** The request of a disk, given as JSON text. */
function diskAdd(text: string, extra = `["${LINK}", null]`) {
  const instance = ganetiInstance(parseJson('{"name": "vm1"}'));
  return ganetiDiskAdd(instance, object(text), parseJson(extra));
}

/** The text that goes into the file for a disk of this kind of storage. */
function entryOf(text: string, kind: "file" | "block" = "file"): string {
  const facts = diskAddFacts({ source: { path: LINK, kind } });
  const plan = planOf(planDiskAdd(diskAdd(text), facts));
  const { change } = stepOf(plan, "commit-state");
  return change.change === "insert" ? change.entry : "";
}

function plainDisk(more: string): string {
  return `{"dev_type": "file", "logical_id": ["loop", "/srv/1"], ${more} "uuid": "${UUID}"}`;
}

const HVINFO =
  `{"driver": "virtio-blk-pci", "id": "disk-d0000007-1111-4111", "bus": "pci.0", "addr": "0xc"}`;

Deno.test("ganetiDiskAdd() records the object to the letter and the link", () => {
  const given =
    `{"name":null,"dev_type":"file","logical_id":["loop","/srv/1"],"iv_name":"disk/1","size":64,"mode":"rw","params":{"2":1e2,"1":"é"},"later":[1.50],"serial_no":1,"dynamic_params":{"x":1},"uuid":"${UUID}","ctime":1700000000.0}`;
  assertEquals(
    entryOf(given),
    `[{"dev_type": "file", "logical_id": ["loop", "/srv/1"], "iv_name": "disk/1", "size": 64, "mode": "rw", "params": {"2": 1e2, "1": "\\u00e9"}, "later": [1.50], "hvinfo": ${HVINFO}, "serial_no": 1, "uuid": "${UUID}", "ctime": 1700000000.0}, "${LINK}", null]`,
  );
});

Deno.test("ganetiDiskAdd() keeps no secret of DRBD's, nor its children's", () => {
  const child =
    `{"dev_type": "plain", "logical_id": ["xenvg", "data"], "dynamic_params": {}, "uuid": null}`;
  const given =
    `{"dev_type": "drbd", "logical_id": ["n1", "n2", 11000, 0, 0, "s3cret"], "children": [${child}, ${
      child.replace("plain", "drbd8").replace(
        `["xenvg", "data"]`,
        `["a", "b", 1, 2, 3, "s3cret"]`,
      )
    }], "uuid": "${UUID}"}`;
  const [recorded] = JSON.parse(entryOf(given, "block"));
  assertEquals(recorded.logical_id, ["n1", "n2", 11000, 0, 0, null]);
  assertEquals(recorded.children, [
    { dev_type: "plain", logical_id: ["xenvg", "data"] },
    { dev_type: "drbd8", logical_id: ["a", "b", 1, 2, 3, null] },
  ]);
});

Deno.test("ganetiDiskAdd() takes what Ganeti's start would take, no more", () => {
  const drbd = plainDisk("").replace("file", "drbd");
  const facts = diskAddFacts({ source: { path: LINK, kind: "file" } });
  const { message } = refusal(
    "refused",
    () => planDiskAdd(diskAdd(drbd), facts),
  );
  assertMatch(message, /type drbd: it leads to a regular file/);
});

Deno.test("ganetiDiskAdd() passes the page cache by for shared storage", () => {
  for (const [type, direct] of [["sharedfile", true], ["file", false]]) {
    const given = plainDisk("").replace("file", String(type));
    const facts = diskAddFacts({ source: { path: LINK } });
    const plan = planOf(planDiskAdd(diskAdd(given), facts));
    assertEquals(stepOf(plan, "open-source").direct, direct);
  }
});

Deno.test("ganetiDiskAdd() plugs a read-only disk read-only", () => {
  const { settings, migratable } = diskAdd(plainDisk('"mode": "ro",'));
  assertEquals([settings, migratable], [{ access: "ro" }, "not-needed"]);
});

Deno.test("ganetiDiskAdd() understands what 2.10 sent", () => {
  assertEquals(diskAdd(plainDisk(""), `"${LINK}"`).source, LINK);
});

Deno.test("ganetiDiskAdd() leaves a disk in userspace to QEMU", () => {
  const user = plainDisk('"params": {"access": "userspace"},');
  const { source, ganeti } = diskAdd(user, `["${LINK}", "rbd:rbd/x"]`);
  assertEquals([source, ganeti?.link], ["rbd:rbd/x", LINK]);
  assertEquals(diskAdd(user, '[null, "rbd:rbd/x"]').ganeti?.link, undefined);
});

Deno.test("ganetiDiskAdd() refuses what cannot be a disk", () => {
  const user = plainDisk('"params": {"access": "userspace"},');
  refusal("unsupported", () => diskAdd(user, '[null, "rbd:rbd"]'));
  // An uri alone says nothing: noded, too, goes by the access.
  assertEquals(diskAdd(plainDisk(""), `["${LINK}", "rbd:x"]`).source, LINK);
  refusal("usage", () => diskAdd(`{"uuid": "${UUID}"}`));
  for (const extra of ["null", "[null, null]", "[1]", '["x:0", null]']) {
    refusal("usage", () => diskAdd(plainDisk(""), extra));
  }
  refusal("usage", () => diskAdd('{"dev_type": "file", "uuid": "x"}'));
  refusal("usage", () => diskAdd('{"dev_type": "file"}'));
  const firmware = plainDisk('"role": "firmware",');
  refusal("unsupported", () => diskAdd(firmware));
  const instance = ganetiInstance(parseJson('{"name": "vm1"}'));
  refusal(
    "unsupported",
    () => ganetiDiskRemove(instance, object(firmware), 0),
  );
  const data = diskAdd(plainDisk('"role": "data",'));
  assertMatch(data.ganeti?.object ?? "", /"role": "data"/);
});

Deno.test("hvparams the file lacks are those of the configuration", () => {
  const configured = '{"disk_cache": "none", "kvm_pci_reservations": 15}';
  const instance = ganetiInstance(
    parseJson(`{"name": "vm1", "hvparams": ${configured}}`),
  );
  assertEquals(instance.hvparams, configured);
});

Deno.test("ganetiDiskRemove() says where the volume may be open", () => {
  const instance = ganetiInstance(parseJson('{"name": "vm1"}'));
  const volume = (text: string, seq?: number) =>
    ganetiDiskRemove(instance, object(text), seq).volume;
  const uri = undefined;
  assertEquals(volume(plainDisk(""), 2), { paths: ["/srv/1"], uri, seq: 2 });
  const far = (kind: string, params: string) =>
    volume(
      `{"dev_type": "${kind}", "logical_id": ["x", "a/b"], "params": {"access": "userspace", ${params}}, "uuid": "${UUID}"}`,
    )?.uri;
  assertEquals(far("rbd", '"pool": "p"'), "rbd:p/a/b");
  assertEquals(far("rbd", '"pool": "p", "user-id": "u"'), "rbd:p/a/b:id=u");
  const gluster = (host: string) =>
    far("gluster", `"host": "${host}", "port": 24007, "volume": "v"`);
  assertEquals(gluster("store1"), "gluster://store1:24007/v/a/b");
  assertEquals(gluster("fe80::1"), "gluster://[fe80::1]:24007/v/a/b");
  // Only its provider knows the URI.
  assertEquals(far("ext", '"pool": "p"'), undefined);
});

const NIC =
  `"mac": "AA:00:00:11:22:33", "nicparams": {"mode": "bridged", "link": "br100", "vlan": ".5"}, "uuid": "a0000001-1111-4111-8111-000000000001"`;

function nicDecision(text: string, spec: FactsSpec = {}, seq?: number) {
  const instance = ganetiInstance(
    parseJson('{"name": "vm1", "tags": ["t1", "t2:x"]}'),
  );
  const request = ganetiNicAdd(instance, object(text), seq);
  const node = { ganetiScript: "/script" };
  return planNicAdd(request, nicAddFacts({ ...spec, node }));
}

function nicPlan(...about: Parameters<typeof nicDecision>) {
  return planOf(nicDecision(...about));
}

Deno.test("ganetiNicAdd() tells the script what Ganeti tells it", () => {
  const netinfo =
    `{"name": "net1", "uuid": "${NETWORK}", "network": "10.0.0.0/24", "gateway": "10.0.0.1", "network6": "2001:db8::/64", "gateway6": "2001:db8::1", "mac_prefix": "aa:00:00", "tags": ["prod"]}`;
  const plan = nicPlan(
    `{"name": "front", "ip": "10.0.0.5", "network": "${NETWORK}", "netinfo": ${netinfo}, ${NIC}}`,
    {},
    3,
  );
  assertEquals(stepOf(plan, "attach-tap").to?.script?.environment, {
    ACTION: "up",
    BRIDGE: "br100",
    INSTANCE: "vm1",
    INTERFACE_INDEX: "3",
    INTERFACE_NAME: "front",
    INTERFACE_UUID: "a0000001-1111-4111-8111-000000000001",
    IP: "10.0.0.5",
    LINK: "br100",
    MAC: "aa:00:00:11:22:33",
    MODE: "bridged",
    NETWORK_GATEWAY6: "2001:db8::1",
    NETWORK_GATEWAY: "10.0.0.1",
    NETWORK_MAC_PREFIX: "aa:00:00",
    NETWORK_NAME: "net1",
    NETWORK_SUBNET6: "2001:db8::/64",
    NETWORK_SUBNET: "10.0.0.0/24",
    NETWORK_TAGS: "prod",
    NETWORK_UUID: NETWORK,
    TAGS: "t1 t2:x",
    VLAN: ".5",
  });
  const { change } = stepOf(plan, "commit-state");
  const entry = change.change === "insert" ? change.entry : "";
  assertMatch(entry, /"netinfo": \{.*\}, "mac": "AA:00:00:11:22:33", /);
});

Deno.test("ganetiNicAdd() leaves a VLAN out that an old object lacks", () => {
  const old = NIC.replace(', "vlan": ".5"', "").replace("bridged", "routed");
  const step = stepOf(nicPlan(`{${old}}`), "attach-tap");
  const environment = step.to?.script?.environment ?? {};
  assertEquals(["VLAN" in environment, environment.BRIDGE], [false, undefined]);
});

Deno.test("the NIC file also goes by a master's count beyond ours", () => {
  const step = stepOf(nicPlan(`{${NIC}}`, {}, 2), "nic-files");
  assertEquals(step.after, { 0: { value: "tap" }, 2: { value: "tap" } });
  const plain = stepOf(nicPlan(`{${NIC}}`, {}, 0), "nic-files");
  assertEquals(plain.after, { 0: { value: "tap" } });
});

Deno.test("ganetiNicAdd() needs a script for what only scripts set up", () => {
  const request = ganetiNicAdd(
    ganetiInstance(parseJson('"vm1"')),
    object(`{${NIC.replace("bridged", "ext")}}`),
    undefined,
  );
  refusal("unsupported", () => planNicAdd(request, nicAddFacts()));
});

Deno.test("ganetiNicAdd() refuses what cannot be a NIC", () => {
  for (
    const text of [
      `{${NIC.replace("AA:", "ab:")}}`,
      `{${NIC.replace("bridged", "none")}}`,
      `{${NIC.replace("br100", "br 100")}}`,
      `{${NIC.replace(".5", "5;x")}}`,
      `{${NIC}, "name": "a\\nb"}`,
      `{${NIC}, "network": "n", "netinfo": {"name": "a\\u0000"}}`,
      `{${NIC.replace("nicparams", "params")}}`,
    ]
  ) {
    refusal("usage", () => nicPlan(text));
  }
});

Deno.test("ganetiDiskAdd() of a disk that is there is no addition", () => {
  const facts = (more: object) =>
    diskAddFacts({
      disks: [disk(7, 12, { ...more })],
      source: { path: LINK, identity: "inode of /srv/d7.img" },
      qemu: { block: [backend(7)] },
    });
  const plain = diskAdd(plainDisk(""));
  assertEquals(planDiskAdd(plain, facts({})).steps, []);
  // A master says all that it knows: what it leaves out is not to be there.
  const cases = [
    [plain, { name: "a" }, "--name is a (asked: none)"],
    [diskAdd(plainDisk('"name": "b",')), {}, "--name is none (asked: b)"],
    [diskAdd(plainDisk('"mode": "ro",')), {}, "--read-only is no (asked: yes)"],
  ] as const;
  for (const [request, more, differs] of cases) {
    const given = facts(more);
    const error = refusal("duplicate", () => planDiskAdd(request, given));
    assertMatch(
      error.message,
      new RegExp(`differs: ${RegExp.escape(differs)}`),
    );
    assertEquals(error.device?.uuid, UUID);
  }
});

Deno.test("ganetiNicAdd() of a NIC that is there is no addition", () => {
  const text = `{${NIC}, "ip": "192.0.2.7", "network": "${NETWORK}"}`;
  const id = "nic-a0000001-1111-4111";
  const hvinfo = { driver: "virtio-net-pci", id, bus: "pci.0", addr: "0xd" };
  const object = { ...JSON.parse(text), hvinfo };
  const nics = (more: object) => ({ nics: [{ ...object, ...more }] });
  const add = (given: FactsSpec) => nicDecision(text, given);
  assertEquals(add(nics({})).steps, []);
  const params = { mode: "bridged", link: "br100", vlan: "" };
  const cases = [
    [{ name: "a" }, "--name is a (asked: none)"],
    [{ ip: undefined }, "--ip is none (asked: 192.0.2.7)"],
    [{ mac: "aa:00:00:11:22:34" }, "--mac is aa:00:00:11:22:34"],
    [{ nicparams: params }, "--vlan is none (asked: .5)"],
    [{ nicparams: { ...params, link: "br1", vlan: "5" } }, "--link is br1"],
    [{ network: undefined }, "--network is none"],
  ] as const;
  for (const [more, differs] of cases) {
    const error = refusal("duplicate", () => add(nics(more)));
    assertMatch(error.message, new RegExp(RegExp.escape(differs)));
  }
});
