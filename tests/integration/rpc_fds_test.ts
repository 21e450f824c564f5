/** `rpc` lives long: no call may keep a descriptor, whatever it came to. */
import { assertEquals } from "@std/assert";
import { qcow2Header } from "../support/qcow2_image.ts";
import { ending, pretend } from "../lab/pretend.ts";
import { RpcClient } from "../lab/rpc_client.ts";
import {
  type Doc,
  Instance,
  NAME,
  NEW,
  TAP,
} from "../lab/scripted_instance.ts";

/**
 * How often all calls are made. What leaks at one call in one round is seen:
 * descriptors are compared one by one, not by their number alone.
 */
const ROUNDS = 3;

/** Of questions, and of what is refused: a change waits long for the kernel. */
const CHEAP_ROUNDS = 10;

const SAMPLE = new URL(
  "../testdata/rpc/rpc-request-hotplug_device-hotadd-disk.json",
  import.meta.url,
);

/** How QEMU meets a command: it says no, or the connection ends. */
const MET = {
  no: { refuse: { class: "GenericError", desc: "QEMU says no" } },
  cut: { close: "before-reply" },
} as const;

/** One call: the status it ends with, its method and its keys. */
type Step = readonly [
  status: number,
  method: string,
  params?: Doc,
  met?: readonly [command: string, how: keyof typeof MET],
];

function cheapOf(vm: Instance): readonly Step[] {
  const other = vm.image("other.img");
  return [
    [0, "list"],
    // All instances of the node.
    [0, "list", { instance: undefined }],
    [0, "check"],
    [0, "pci"],
    [0, "state.show", { verify: true }],
    [0, "state.command"],
    [0, "repair"],
    [3, "qmp", { command: "query-status" }],
    [0, "hotplug_supported"],
    [0, "metrics", { instance: undefined }],
    [0, "schema", { instance: undefined }],
    [0, "help", { instance: undefined }],
    // Refused before anything was changed.
    [3, "qmp", { command: "nonsense" }],
    [3, "list", { "run-dir": "/nowhere" }],
    [3, "disk.add", { source: `${vm.runDir}/none.img` }],
    [3, "disk.add", { source: vm.runDir }],
    [3, "disk.add", { source: other, format: "qcow2", "not-migratable": true }],
    [0, "disk.add", { source: other, "dry-run": true }],
    [3, "nic.add", { link: "nobridge" }],
    [0, "nic.add", { mode: "none", "dry-run": true }],
    [3, "disk.remove", { disk: "nosuchdisk" }],
  ];
}

/** The disk that Ganeti's own code asked for, and its link on this node. */
function ganetiDisk(vm: Instance): Doc {
  const text = Deno.readTextFileSync(SAMPLE);
  const [, , , device] = JSON.parse(text);
  const folder = `${vm.runDir}/instance-disks`;
  Deno.mkdirSync(folder);
  const link = `${folder}/${NAME}:1`;
  Deno.symlinkSync(vm.image("ganeti.img"), link);
  return { dev_type: "hotdisk", device, extra: link, timeout: 2 };
}

function changesOf(vm: Instance): readonly Step[] {
  const disk = { source: vm.image(), uuid: NEW };
  Deno.writeFileSync(`${vm.runDir}/base`, qcow2Header({}));
  const backed = qcow2Header({ backing: { name: "base", format: "qcow2" } });
  Deno.writeFileSync(`${vm.runDir}/image`, backed);
  const image = {
    ...{ source: `${vm.runDir}/image`, format: "qcow2" },
    "not-migratable": true,
  };
  const nic = { mode: "none", uuid: NEW, tap: TAP };
  const ganeti = ganetiDisk(vm);
  const grown = { disk: ganeti.device, new_size: 1 << 30 };
  const [ours, card] = [{ disk: NEW }, { nic: NEW }];
  return [
    // Failed, and undone.
    [5, "disk.add", disk, ["add-fd", "no"]],
    [5, "disk.add", disk, ["blockdev-add", "no"]],
    [5, "disk.add", disk, ["device_add", "no"]],
    [5, "nic.add", nic, ["getfd", "no"]],
    [5, "nic.add", nic, ["netdev_add", "no"]],
    [5, "nic.add", nic, ["device_add", "no"]],
    // Cut off in the middle: the tool asks again, and takes it back.
    [5, "disk.add", disk, ["blockdev-add", "cut"]],
    [5, "nic.add", nic, ["netdev_add", "cut"]],
    [4, "list", {}, ["query-block", "cut"]],
    // Refused, or nothing to do.
    [3, "disk.set", { disk: "nosuchdisk", medium: disk.source }],
    [3, "adopt"],
    [0, "state.upgrade", { "dry-run": true }],
    // This QEMU has no place for them.
    [3, "vcpu.add"],
    [3, "vcpu.set", { count: "2" }],
    [3, "vcpu.remove"],
    [3, "memory.add", { size: "128M" }],
    [3, "memory.set", { size: "1G" }],
    [3, "memory.remove", { memory: "nosuchdimm" }],
    // Done.
    [0, "disk.add", disk],
    [0, "disk.add", disk],
    [0, "disk.add", { ...image, "dry-run": true }],
    [5, "disk.add", image, ["device_add", "no"]],
    [3, "disk.resize", { ...ours, size: "1" }],
    [0, "disk.remove", ours],
    [0, "nic.add", nic],
    [0, "nic.modify", { ...card, "link-state": "down" }],
    [3, "nic.modify", { ...card, mac: "aa:00:00:00:00:55" }],
    [0, "nic.remove", card],
    [0, "hotplug_device", { ...ganeti, action: "hotadd" }],
    // Nobody knows what the scripted QEMU has open.
    [3, "resize_disk", grown],
    [0, "hotplug_device", { ...ganeti, action: "hotremove" }],
  ];
}

/** Every descriptor of this process, by what it leads to; numbers left out. */
function open(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    let target = "";
    try {
      target = Deno.readLinkSync(`/proc/self/fd/${name}`);
    } catch {
      continue; // The one that this loop reads with.
    }
    const what = target.replaceAll(/\d+/g, "N");
    counts[what] = (counts[what] ?? 0) + 1;
  }
  return counts;
}

/** Makes the calls, each with the status it must end with. */
async function callAll(vm: Instance, rpc: RpcClient, steps: readonly Step[]) {
  for (const [status, method, params, met] of steps) {
    if (met !== undefined) vm.peer.once(met[0], MET[met[1]]);
    const answer = await rpc.call(method, { instance: NAME, ...params });
    await vm.peer.idle();
    const { code } = (answer.error ?? { code: -32000 }) as { code: number };
    const said = JSON.stringify(answer);
    assertEquals(code, -32000 - status, `${method}: ${said}`);
  }
}

Deno.test("no call of rpc keeps a descriptor", async () => {
  await using vm = new Instance();
  await using rpc = new RpcClient("--run-dir", vm.runDir);
  const [cheap, changes] = [cheapOf(vm), changesOf(vm)];
  const called = [...cheap, ...changes].map(([, method]) => method);
  const { result } = await rpc.call("rpc.discover");
  const { methods } = result as { methods: { name: string }[] };
  const others = methods.filter(({ name }) => !called.includes(name));
  assertEquals(others.map(({ name }) => name), []);
  // What is opened once, and stays.
  await callAll(vm, rpc, [...cheap, ...changes]);
  const before = open();
  for (let i = 0; i < CHEAP_ROUNDS; i++) await callAll(vm, rpc, cheap);
  assertEquals(open(), before);
  for (let i = 0; i < ROUNDS; i++) await callAll(vm, rpc, changes);
  assertEquals(open(), before);
});

Deno.test("no call of rpc keeps a descriptor of QEMU's root directory", async () => {
  await using vm = new Instance();
  await using rpc = new RpcClient("--run-dir", vm.runDir);
  const qemu = await pretend(vm, NAME, ["unshare", "--mount"]);
  try {
    const source = vm.image();
    const steps: Step[] = [
      [0, "check"],
      [0, "disk.add", { source, via: "path", "dry-run": true }],
      // It never opened the disk.
      [5, "disk.add", { source, via: "path" }],
      [5, "disk.add", { source, via: "chown" }],
      [3, "disk.add", { source, via: "mknod" }],
      [3, "disk.add", { source: vm.qmpPath, via: "path" }],
    ];
    await callAll(vm, rpc, steps);
    const before = open();
    await callAll(vm, rpc, steps);
    assertEquals(open(), before);
  } finally {
    await ending(qemu);
  }
});
