/**
 * What is killed in the tests: an addition and a removal of a disk and of a
 * NIC, each at every step of its plan.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { KindRequest } from "../../lib/kinds.ts";
import { killAt, type KillPoint, killPoints, planNow } from "./killed.ts";
import { Instance, NAME, NEW, TAP } from "../lab/scripted_instance.ts";

const uuid = { value: NEW, origin: "given" } as const;

export function diskAdd(vm: Instance): KindRequest {
  return {
    kind: "disk-add",
    instance: NAME,
    uuid,
    source: vm.image(),
    settings: {},
    migratable: "required",
  };
}

export function nicAdd(): KindRequest & { readonly kind: "nic-add" } {
  return {
    kind: "nic-add",
    instance: NAME,
    uuid,
    mac: { value: "aa:00:00:00:00:01", origin: "given" },
    mode: "none",
    tap: TAP,
  };
}

export const diskRemove: KindRequest = {
  kind: "disk-remove",
  instance: NAME,
  device: NEW,
  bootDisk: "kept",
};

export const nicRemove: KindRequest = {
  kind: "nic-remove",
  instance: NAME,
  device: NEW,
};

export async function withDisk(vm: Instance) {
  const image = vm.image();
  const ran = await vm.cli("disk", "add", NAME, image, "--uuid", NEW);
  assertEquals(ran.status, 0, ran.out);
}

export async function withNic(vm: Instance) {
  const words = ["--mode", "none", "--tap", TAP, "--uuid", NEW];
  const ran = await vm.cli("nic", "add", NAME, ...words);
  assertEquals(ran.status, 0, ran.out);
}

/** Our own directory without the lock, which stays. */
export function ownFiles(vm: Instance): string[] {
  return [...Deno.readDirSync(vm.ownDir)].map(({ name }) => name)
    .filter((name) => !name.endsWith(".lock"));
}

export async function eachKill(
  prepare: (vm: Instance) => Promise<void>,
  requestOf: (vm: Instance) => KindRequest,
  check: (
    vm: Instance,
    at: KillPoint & { readonly turned: boolean },
    before: unknown,
  ) => Promise<void>,
) {
  let points: KillPoint[] | undefined;
  for (let i = 0; points === undefined || i < points.length; i++) {
    await using vm = new Instance();
    await prepare(vm);
    const request = requestOf(vm);
    const plan = await planNow(vm, request);
    await vm.peer.idle();
    points ??= killPoints(plan);
    const point = points[i] as KillPoint;
    const before = vm.state();
    await killAt(vm, request, point);
    const turn = plan.turn ?? -1;
    const turned = point.step > turn ||
      (point.step === turn && point.when === "after");
    await check(vm, { ...point, turned }, before);
    assertEquals(ownFiles(vm), []);
  }
}
