/**
 * The calls that are measured: their words, and the end of what they cause.
 *
 * @module
 */

import type { Vm } from "../lab/vm.ts";

/** What is measured against QEMU itself, as whole processes. */
export const CALLS = [
  "--version",
  "list",
  "list INSTANCE",
  "disk add",
  "disk remove",
] as const;

/** One call that is measured against QEMU itself. */
export type Call = typeof CALLS[number];

/** All calls; each block of them leaves the machine as it was. */
export const BLOCKS = [
  ["--version"],
  ["list"],
  ["disk add", "list INSTANCE", "disk remove"],
  ["nic add", "nic modify", "nic remove"],
] as const;

/** One of all calls. */
export type AnyCall = typeof BLOCKS[number][number];

/** All calls, in an order that leaves the machine as it was. */
export const ALL_CALLS: readonly AnyCall[] = BLOCKS.flat();

/** What is measured inside a running `rpc`, in an order as {@linkcode BLOCKS}. */
export const RPC_CALLS = [
  "rpc disk.add",
  "rpc list",
  "rpc disk.remove",
] as const;

/** One request of `rpc`. */
export type RpcCall = typeof RPC_CALLS[number];

/** A machine, and what is plugged into it. */
export interface Place {
  readonly vm: Vm;
  /** A disk image. */
  readonly image: string;
}

const DISK = "be0c0001-1111-4111-8111-000000000001";
const NIC = "be0c0002-1111-4111-8111-000000000001";
const MAC = "aa:00:00:be:0c:02";

function nicWords(call: AnyCall, instance: string): string[] {
  const words = call.split(" ");
  switch (call) {
    case "nic add": {
      const own = ["--uuid", NIC, "--mac", MAC];
      // The tap alone: what iproute2 takes to join it is not ours.
      return [...words, instance, ...own, "--mode", "none"];
    }
    case "nic modify":
      return [...words, instance, NIC, "--link-state", "down"];
    default:
      return [...words, instance, NIC];
  }
}

/** The words of a call. */
export function wordsOf(call: AnyCall, { vm, image }: Place): string[] {
  const where = ["--run-dir", vm.runDir];
  switch (call) {
    case "--version":
      return [call];
    case "list":
      return [call, ...where];
    case "list INSTANCE":
      return ["list", vm.name, ...where];
    case "disk add":
      return ["disk", "add", vm.name, image, "--uuid", DISK, ...where];
    case "disk remove":
      return ["disk", "remove", vm.name, DISK, ...where];
    case "nic add":
    case "nic modify":
    case "nic remove":
      return [...nicWords(call, vm.name), ...where];
    default:
      return call satisfies never;
  }
}

/** The request of a call. */
export function requestOf(
  call: RpcCall,
  { vm, image }: Place,
): Record<string, unknown> {
  const method = call.slice("rpc ".length);
  const more = {
    "rpc disk.add": { source: image, uuid: DISK },
    "rpc list": {},
    "rpc disk.remove": { disk: DISK },
  }[call];
  const params = { instance: vm.name, ...more };
  return { jsonrpc: "2.0", id: 1, method, params };
}

/** Waits until the guest has the device, or has it no more, and rests. */
export async function settle(vm: Vm, call: AnyCall | RpcCall): Promise<void> {
  const card = `grep -qi ${MAC} /sys/class/net/*/address`;
  if (/disk.add/.test(call)) await vm.waitGuest("test -b /dev/vda");
  if (/disk.remove/.test(call)) await vm.waitGuest("test ! -b /dev/vda");
  if (call === "nic add") await vm.waitGuest(card);
  if (call === "nic remove") await vm.waitGuest(`! ${card}`);
}

/** Milliseconds of a whole process, from before its fork to after its exit. */
export function timeProcess(
  program: string,
  args: string[],
  env: Readonly<Record<string, string>> = {},
): number {
  const begin = performance.now();
  const { code } = new Deno.Command(program, {
    args,
    env,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).outputSync();
  const timeMs = performance.now() - begin;
  if (code === 0) return timeMs;
  throw new Error(`${program} ${args.join(" ")}: exit status ${code}`);
}
