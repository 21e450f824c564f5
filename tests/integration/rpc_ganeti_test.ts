/** `hotplug_supported` and `hotplug_device`, with what a master really sends. */
import { assertEquals, assertMatch } from "@std/assert";
import { codes, RpcClient } from "../lab/rpc_client.ts";
import {
  type Doc,
  Instance,
  NAME,
  NEW,
  type RuntimeParts,
} from "../lab/scripted_instance.ts";

const SAMPLES = new URL("../testdata/rpc/", import.meta.url);

/** The arguments of a request that Ganeti's own code made, for our instance. */
// deno-lint-ignore no-explicit-any -- a test reads and changes it as it likes
function sample(name: string): any[] {
  const path = new URL(`rpc-request-${name}.json`, SAMPLES);
  const text = Deno.readTextFileSync(path);
  return JSON.parse(text.replaceAll("inst1.example.com", NAME));
}

/** An instance's link to a disk of its own, as Ganeti makes it. */
function linkTo(vm: Instance, index: number): string {
  const folder = `${vm.runDir}/instance-disks`;
  Deno.mkdirSync(folder, { recursive: true });
  const link = `${folder}/${NAME}:${index}`;
  Deno.symlinkSync(vm.image(`d${index}.img`), link);
  return link;
}

function rpcOn(vm: Instance): RpcClient {
  return new RpcClient("--run-dir", vm.runDir);
}

Deno.test("hotplug_device adds and removes a disk as noded would", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const before = vm.text;
  const params = sample("hotplug_device-hotadd-disk");
  const link = linkTo(vm, 1);
  params[4] = [link, null];
  const added = (await rpc.call("hotplug_device", params)).result as Doc;
  assertEquals([added.ok, added.changed], [true, true]);
  assertEquals(added.ganeti, [true, null]);
  const { dynamic_params: _, ...device } = params[3];
  const hvinfo = {
    driver: "virtio-blk-pci",
    id: "disk-d0000001-1111-4111",
    bus: "pci.0",
    addr: "0xe",
  };
  assertEquals(vm.runtime[3][1], [{ ...device, hvinfo }, link, null]);
  const keys = Object.keys(vm.runtime[3][1][0]);
  assertEquals(keys.indexOf("hvinfo"), keys.indexOf("params") + 1);

  const again = (await rpc.call("hotplug_device", params)).result as Doc;
  assertEquals([again.changed, again.ganeti], [false, [true, null]]);
  const [instance, action, kind, , extra] = params;
  const differs = async (more: Doc) => {
    const other = [instance, action, kind, { ...params[3], ...more }, extra];
    const answer = await rpc.call("hotplug_device", other);
    assertEquals(codes(answer), [-32003, "duplicate"], JSON.stringify(more));
    return String((answer.error as Doc).message);
  };
  assertMatch(await differs({ name: "new" }), /--name is none \(asked: new\)/);
  assertMatch(
    await differs({ mode: "ro" }),
    /--read-only is no \(asked: yes\)/,
  );
  const uuid = NEW;
  assertMatch(await differs({ uuid }), new RegExp(`--uuid .*asked: ${uuid}`));

  const remove = sample("hotplug_device-hotremove-disk");
  const removed = (await rpc.call("hotplug_device", remove)).result as Doc;
  assertEquals([removed.changed, removed.ganeti], [true, [true, hvinfo]]);
  assertEquals(vm.text, before);
  const gone = (await rpc.call("hotplug_device", remove)).result as Doc;
  assertEquals([gone.changed, gone.ganeti], [false, [true, null]]);
});

Deno.test("hotplug_device takes its parameters by name, too", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const [, , , device] = sample("hotplug_device-hotadd-disk");
  const extra = linkTo(vm, 1);
  const action = { instance: NAME, action: "hotadd", dev_type: "hotdisk" };
  const params = { ...action, device, extra, timeout: 2 };
  const added = (await rpc.call("hotplug_device", params)).result as Doc;
  assertEquals(added.ganeti, [true, null]);
  assertEquals(vm.runtime[3][1][1], extra);
});

Deno.test("hotplug_device fills up hvparams an old file lacks", async () => {
  const old: RuntimeParts = { hvparams: { disk_cache: undefined } };
  await using vm = new Instance(old);
  await using rpc = rpcOn(vm);
  const params = sample("hotplug_device-hotadd-disk");
  params[0].hvparams.disk_cache = "writethrough";
  params[4] = [linkTo(vm, 1), null];
  await rpc.call("hotplug_device", params);
  assertEquals(vm.peer.call("device_add").args["write-cache"], "off");
});

Deno.test("hotplug_device adds and removes a NIC as noded would", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  Deno.mkdirSync(vm.at(`nic/${NAME}`));
  const params = sample("hotplug_device-hotadd-nic");
  // A mode that needs no bridge here: Ganeti's script would set it up.
  const bridge = `kh-r${Deno.pid % 100_000}`;
  await ip("link", "add", bridge, "type", "bridge");
  try {
    params[3].nicparams = { mode: "bridged", link: bridge, vlan: "" };
    const added = (await rpc.call("hotplug_device", params)).result as Doc;
    assertEquals(added.ganeti, [true, null]);
    const { tap } = added.device as Doc;
    const hvinfo = {
      driver: "virtio-net-pci",
      id: "nic-a0000001-1111-4111",
      bus: "pci.0",
      addr: "0xe",
    };
    assertEquals(vm.runtime[1][1], { ...params[3], hvinfo });
    assertEquals(Deno.readTextFileSync(vm.at(`nic/${NAME}/1`)), tap);
    const again = (await rpc.call("hotplug_device", params)).result as Doc;
    assertEquals([again.changed, again.ganeti], [false, [true, null]]);
    const other = structuredClone(params);
    other[3].ip = "192.0.2.7";
    const differs = await rpc.call("hotplug_device", other);
    assertEquals(codes(differs), [-32003, "duplicate"]);
    const { message } = differs.error as Doc;
    assertMatch(String(message), /--ip is none \(asked: 192\.0\.2\.7\)/);
    params[1] = "hotremove";
    const removed = (await rpc.call("hotplug_device", params)).result as Doc;
    assertEquals(removed.ganeti, [true, hvinfo]);
    assertEquals(vm.runtime[1].length, 1);
  } finally {
    await ip("link", "del", bridge);
  }
});

async function ip(...args: string[]) {
  const { success } = await new Deno.Command("ip", { args }).output();
  assertEquals(success, true, args.join(" "));
}

Deno.test("hotplug_device does nothing about a disk that is modified", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const before = vm.state();
  const params = sample("hotplug_device-hotmod-nic");
  params[2] = "disk";
  const disk = (await rpc.call("hotplug_device", params)).result as Doc;
  assertEquals([disk.changed, disk.ganeti], [false, [true, null]]);
  params[2] = "nic";
  params[3].uuid = "a0000009-1111-4111-8111-000000000009";
  const nic = await rpc.call("hotplug_device", params);
  assertEquals(codes(nic), [-32003, "no-such-device"]);
  await vm.peer.idle();
  assertEquals(vm.state(), before);
});

Deno.test("hotplug_device tells of a corrected uuid where it fails, too", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const [instance] = sample("hotplug_device-hotmod-nic");
  const { hvinfo: _, ...nic } = vm.runtime[1][0];
  // Another end, and a bridge that this node does not have.
  const uuid = `${nic.uuid.slice(0, 18)}-9999-000000000099`;
  const nicparams = { mode: "bridged", link: "kh-none", vlan: "" };
  const device = { ...nic, uuid, nicparams };
  const params = [instance, "hotmod", "nic", device, null, 0];
  const failed = await rpc.call("hotplug_device", params);
  assertEquals(codes(failed)[0], -32003);
  assertEquals(vm.runtime[1][0].uuid, uuid);
  const { settled } = (failed.error as Doc).data as Doc;
  const told = (settled as Doc[]).map(({ code }) => code);
  assertEquals(told, ["uuid-corrected"]);
});

Deno.test("resize_disk answers as noded would", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const before = vm.state();
  const [instance, , , device] = sample("hotplug_device-hotadd-disk");
  const asked = (disk: Doc, size: unknown) =>
    rpc.call("resize_disk", [instance, disk, size]);
  const cases = [
    [device, 0, "usage", /"new_size" must be a number of bytes: it is 0/],
    [device, "8", "usage", /"new_size" must be a number of bytes/],
    [{}, 1 << 20, "usage", /"uuid" of "disk" must be a uuid/],
    // Nobody knows what the scripted QEMU has open.
    [device, 1 << 20, "refused", /^Cannot resize a disk: /],
  ] as const;
  for (const [disk, size, code, message] of cases) {
    const answer = await asked(disk, size);
    assertEquals(codes(answer)[1], code, JSON.stringify(size));
    const { ganeti } = (answer.error as Doc).data as Doc;
    const [done, text] = ganeti as [boolean, string];
    assertEquals(done, false);
    assertMatch(text, message);
  }
  await vm.peer.idle();
  assertEquals(vm.state(), before);
});

Deno.test("hotplug_supported says what noded would say", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const params = sample("hotplug_supported");
  const yes = (await rpc.call("hotplug_supported", params)).result as Doc;
  assertEquals(yes.ganeti, [true, null]);
  const { ganeti: _, ...document } = yes;
  assertEquals(document, (await vm.cli("check", NAME)).json);
  assertEquals(vm.peer.changes(), []);
  await vm.peer.die();
  const [instance] = params;
  const no = await rpc.call("hotplug_supported", { instance });
  assertEquals(codes(no), [-32004, "not-running"]);
  const { ganeti } = (no.error as Doc).data as Doc;
  const text = "Hotplug is not supported: Instance is probably down";
  assertEquals(ganeti, [false, text]);
});

Deno.test("hotplug_supported says no where nothing can be plugged", async () => {
  await using vm = new Instance({ hvparams: { acpi: false } });
  await using rpc = rpcOn(vm);
  const [instance] = sample("hotplug_supported");
  const no = (await rpc.call("hotplug_supported", { instance })).result as Doc;
  const [done, text] = no.ganeti as unknown[];
  assertEquals([no.supported, done], [false, false]);
  assertMatch(String(text), /^Hotplug is not supported: .*acpi/i);
});

/** Lists in one another. */
function deep(levels: number): unknown {
  return levels === 0 ? 1 : [deep(levels - 1)];
}

Deno.test("hotplug_device refuses what no master sends", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const before = vm.state();
  const device = { dev_type: "file", uuid: NEW, logical_id: [], params: {} };
  const good = { instance: NAME, action: "hotadd", dev_type: "disk", device };
  const cases: [Doc, RegExp][] = [
    [{ ...good, action: "add" }, /"action" must be hotadd, hotremove/],
    [{ ...good, dev_type: "cpu" }, /"dev_type" must be/],
    [{ ...good, device: NEW }, /"device" must be an object/],
    [{ ...good, device: { uuid: "1" } }, /"uuid" of "device" must be/],
    [{ ...good, instance: {} }, /"name" of "instance" must be/],
    [{ ...good, instance: { name: "a/b" } }, /Not an instance name/],
    [{ ...good, seq: 1.5 }, /"seq" must be/],
    [{ ...good, seq: null }, /"seq" must not be null/],
    [{ ...good, sequence: 1 }, /Unknown key "sequence" of hotplug_device/],
    [good, /"extra" must have a link/],
    [{ ...good, device: { ...device, params: deep(40) } }, /levels deep/],
  ];
  for (const [params, message] of cases) {
    const answer = await rpc.call("hotplug_device", params);
    assertEquals(codes(answer), [-32002, "usage"], JSON.stringify(params));
    const error = answer.error as Doc;
    assertMatch(String(error.message), message);
    const { ganeti } = error.data as { ganeti: unknown[] };
    assertEquals(ganeti[0], false);
  }
  const xen = { name: NAME, hypervisor: "xen-pvm" };
  const other = await rpc.call("hotplug_supported", { instance: xen });
  assertEquals(codes(other), [-32003, "unsupported"]);
  assertEquals(vm.state(), before);
});
