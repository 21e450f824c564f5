/**
 * Ganeti's own code beside ours, on one real instance of a virtual cluster.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { unless } from "../support/left_out.ts";
import { host, makeImage } from "./each_release.ts";
import { LineProcess } from "./line_process.ts";
import {
  bridgedNic,
  type Doc,
  fileDisk,
  instanceObject,
  Noded,
  witness,
} from "./noded.ts";
import { snapshot } from "./snapshot.ts";
import { EXECUTABLE, tool } from "./tool.ts";
import { type MachineOptions, testTools, Vm } from "./vm.ts";

const tools = await testTools();
const { ganeti, leftOut } = await witness();

/** The uuid of a disk. */
export const DISK = "d0000001-1111-4111-8111-000000000001";
/** The uuid of a NIC. */
export const NIC = "a0000001-1111-4111-8111-000000000001";
/** Its MAC. */
export const MAC = "aa:00:00:00:00:01";
/** The instance. */
export const NAME = "vm1.example.com";
/** What the guest has. */
export const MEMORY_MIB = 160;

/** One instance of a virtual cluster, ours and Ganeti's. */
export interface Node {
  readonly vm: Vm;
  readonly noded: Noded;
  /** The same with integrations/ganeti. */
  readonly shim: Noded;
  /** Calls us, by default `hotplug_device`: the answer noded would give. */
  readonly ours: (params: readonly unknown[], method?: string) => Promise<Doc>;
  /** The Instance a master would send. */
  readonly instance: Doc;
  readonly bridge: string;
  /** Makes an image with this marker, as a disk of the instance. */
  readonly disk: (uuid: string, index: number) => Promise<Doc>;
}

/**
 * Has a node for a while; none where there is no Ganeti.
 *
 * @param options.on where its files are, on a node of production on a tmpfs.
 * @default where temporary files are
 */
export async function withGanetiNode(
  body: (node: Node) => Promise<void>,
  options: {
    readonly on?: "tmpfs";
    /** @default a plain machine with a guest */
    readonly machine?: Partial<MachineOptions>;
  } = {},
): Promise<void> {
  const [release] = tools.qemus;
  if (ganeti === undefined || release === undefined) return;
  const folder = await Deno.makeTempDir({ prefix: "kh-" });
  if (options.on === "tmpfs") {
    await host("mount", "-t", "tmpfs", "tmpfs", folder);
  }
  const root = `${folder}/node1`;
  const bridge = `kh-g${Deno.pid % 100_000}`;
  await host("ip", "link", "add", bridge, "type", "bridge");
  try {
    const storage = `${root}/srv`;
    await Deno.mkdir(storage, { recursive: true });
    await Deno.mkdir(`${root}/etc/ganeti`, { recursive: true });
    const allowed = `${root}/etc/ganeti/file-storage-paths`;
    await Deno.writeTextFile(allowed, `${storage}\n`);
    const runDir = `${root}/var/run/ganeti`;
    // Of Ganeti's own set-up, ensure-dirs makes it.
    await Deno.mkdir(`${runDir}/bdev-cache`, { recursive: true });
    const { machine } = options;
    const start = machine?.guest === "none" ? Vm.start : Vm.restored;
    await using vm = await start({
      ...{ name: NAME, release, tools, runDir },
      memoryMiB: MEMORY_MIB,
      ...machine,
    });
    await using noded = new Noded(ganeti, root);
    await using shim = new Noded(ganeti, root, { hotplugBy: EXECUTABLE });
    await using rpc = new LineProcess(EXECUTABLE, {
      args: ["rpc", "--run-dir", vm.runDir],
      env: {},
    });
    await body({
      vm,
      noded,
      shim,
      bridge,
      instance: instanceObject(NAME, release),
      ours: async (params, method = "hotplug_device") => {
        const message = { jsonrpc: "2.0", id: 1, method };
        const answer = await rpc.ask({ ...message, params }) as Doc;
        return (answer.result ?? answer.error.data).ganeti;
      },
      disk: async (uuid, index) => {
        const path = `${storage}/${index}`;
        await makeImage(path, uuid);
        return fileDisk(uuid, path, index);
      },
    });
  } finally {
    await host("ip", "link", "del", bridge);
    if (options.on === "tmpfs") await host("umount", folder);
    await Deno.remove(folder, { recursive: true });
  }
}

/** Has the master's link made, by Ganeti's own code: `[path, link, uri]`. */
export async function assemble(
  { noded, instance }: Node,
  disk: Doc,
  index: number,
) {
  const params = [disk, instance, true, index];
  const [ok, payload] = await noded.call("blockdev_assemble", params);
  assertEquals(ok, true, String(payload));
  const [path, link] = payload;
  assertEquals(path, disk.logical_id[1]);
  return link;
}

/**
 * Has Ganeti remove a disk. It takes the first DEVICE_DELETED for the disk's,
 * where that of a part comes first: now and then the node is still in use
 * (SPEC 10.1, item 5). The disk is then added again, and it may try again.
 */
export async function theirRemoval(
  { vm, noded, ours }: Node,
  remove: readonly unknown[],
  add: readonly unknown[],
): Promise<Doc> {
  for (let tries = 1;; tries++) {
    const answer = await noded.call("hotplug_device", remove);
    const [done, text] = answer;
    if (done || tries > 8 || !/is in use/.test(text)) return answer;
    const cleared = await tool(vm, "disk", "remove", NAME, DISK, "--force");
    assertEquals(cleared.status, 0, cleared.stdout);
    assertEquals(await ours(add), [true, null]);
    await vm.waitGuest(`grep -q ${DISK} /dev/vda`);
  }
}

/** All that must be as before; Ganeti lays its file out anew. */
export async function state(vm: Vm) {
  const { runtime, ...rest } = await snapshot(vm);
  return { ...rest, runtime: JSON.parse(runtime) };
}

/** A test beside Ganeti's own code; left out where there is none. */
export function besideGaneti(
  title: string,
  body: (node: Node) => Promise<void>,
  machine: Partial<MachineOptions> = {},
): void {
  const fn = () => withGanetiNode(body, { machine });
  Deno.test({ ...unless(leftOut, title), fn });
}

/** A disk and a NIC as a master has them, and its requests for both. */
export async function diskAndNic(node: Node) {
  const { noded, instance, bridge } = node;
  // Ganeti makes its folders when it is asked first.
  const asked = await noded.call("hotplug_supported", [instance]);
  assertEquals(asked, [true, null]);
  const before = await state(node.vm);
  const disk = await node.disk(DISK, 0);
  const link = await assemble(node, disk, 0);
  const nic = bridgedNic(NIC, MAC, bridge);
  return {
    ...{ before, disk, link, nic },
    add: [instance, "hotadd", "disk", disk, [link, null], 0],
    remove: [instance, "hotremove", "disk", disk, null, 0],
    plug: [instance, "hotadd", "nic", nic, null, 0],
    unplug: [instance, "hotremove", "nic", nic, null, 0],
  };
}
