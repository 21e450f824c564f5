/**
 * `disk remove` of a disk that was added: what its tests begin and end with.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  DISK,
  Instance,
  NAME,
  NEW,
  NEW_DISK,
  NIC,
  type Ran,
} from "../lab/scripted_instance.ts";

/** An instance with a disk that was added, and nothing heard of it. */
export async function withDisk(): Promise<Instance> {
  const vm = new Instance();
  const ran = await vm.cli("disk", "add", NAME, vm.image(), "--uuid", NEW);
  assertEquals(ran.status, 0, ran.out);
  vm.peer.calls.length = 0;
  return vm;
}

/** Removes that disk. */
export async function remove(vm: Instance, ...more: string[]): Promise<Ran> {
  return await vm.cli("disk", "remove", NAME, NEW, ...more);
}

/** Asserts that it is gone, and nothing else. */
export function assertRemoved(vm: Instance, ran: Ran) {
  assertEquals([ran.status, ran.json.changed], [0, true], ran.out);
  assertEquals([ran.json.action, ran.err], ["remove", ""]);
  const { id, index } = ran.json.device as Record<string, unknown>;
  assertEquals([id, index], [NEW_DISK, 1]);
  assertEquals(vm.peer.model.contents(), [
    `device ${DISK.id}`,
    `device ${NIC.id}`,
    `netdev ${NIC.id}`,
    `node ${DISK.id}`,
  ]);
  assertEquals([vm.runtime[3].length, vm.runtime[1].length], [1, 1]);
}
