/**
 * What the measurements are made on: a machine on a tmpfs, with an image that
 * can be plugged into it.
 *
 * @module
 */

import type { QemuRelease, Tools } from "../../tools/setup.ts";
import { Vm } from "../lab/vm.ts";
import type { Place } from "./calls.ts";
import { MinimalClient } from "./client.ts";

/** On a node the run directory is on /run, a tmpfs; so is this everywhere. */
const TMPFS = "/dev/shm";
const IMAGE_BYTES = 8 * 1024 * 1024;

/** The two executables that are compared with QEMU. */
export interface Programs {
  readonly tool: string;
  /** Prints one line, and is packed as the tool is. */
  readonly oneLine: string;
}

/** A machine, and a client that stays connected to it. */
export interface Setting extends Place {
  readonly client: MinimalClient;
  readonly programs: Programs;
}

/** Starts a machine; disposing ends it and removes its files. */
export async function startPlace(
  release: QemuRelease,
  tools: Tools,
): Promise<Place & AsyncDisposable> {
  const dir = await Deno.makeTempDir({ dir: TMPFS, prefix: "kvm-hotplug-" });
  const vm = await Vm.restored({ release, tools, runDir: dir });
  // A monitor serves one client: the harness makes room for ours.
  vm.qmp[Symbol.dispose]();
  await vm.qmp.ended;
  const image = `${dir}/disk.img`;
  await Deno.writeTextFile(image, "bench");
  await Deno.truncate(image, IMAGE_BYTES);
  return {
    vm,
    image,
    async [Symbol.asyncDispose]() {
      await vm[Symbol.asyncDispose]();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** Like {@link startPlace}, with a client that has the machine's monitor. */
export async function startSetting(
  release: QemuRelease,
  { tools, programs }: { tools: Tools; programs: Programs },
): Promise<Setting & AsyncDisposable> {
  const place = await startPlace(release, tools);
  const client = await MinimalClient.connect(place.vm.layout.test);
  return {
    ...place,
    client,
    programs,
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await place[Symbol.asyncDispose]();
    },
  };
}
