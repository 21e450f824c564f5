/**
 * The operations that are interrupted.
 *
 * @module
 */

import type { KillBench } from "./kill_bench.ts";

/** One operation, and the one that takes it back. */
export interface Scenario {
  readonly title: string;
  /** `add`: the device is not there before; `remove`: it is. */
  readonly verb: "add" | "remove";
  /** Device id. */
  readonly id: string;
  /** Command line of the addition. */
  readonly add: readonly string[];
  /** Command line of the removal. */
  readonly remove: readonly string[];
  /** A second command line that the way back needs. @default none */
  readonly reset?: readonly string[];
  /** Which of the points are tried, by their numbers. @default most */
  readonly isTried?: (at: number) => boolean;
}

const UUID = "c0000001-1111-4111-8111-000000000001";

type Device = Pick<Scenario, "title" | "id" | "add" | "remove">;

function diskOf({ vm, image }: KillBench): Device {
  return {
    title: "disk",
    id: "disk-c0000001-1111-4111",
    add: ["disk", "add", vm.name, image, "--uuid", UUID, ...PROPERTIES],
    remove: ["disk", "remove", vm.name, UUID],
  };
}

/** Of the device; each has the warning that a start of Ganeti forgets it. */
const PROPERTIES = ["--serial", "K1", "--bootindex", "7", "--quiet"];

/** Limits of a group, which the own record keeps. */
const LIMITS = ["--iops", "500", "--limit-group", "kill"];

/** A NIC with a tap that is set, too. */
const TUNED = ["--rate-in", "1M", "--mtu", "1400", "--quiet"];

function dimmOf({ vm }: KillBench): Device {
  return {
    title: "DIMM",
    id: "dimm-0",
    // Again it changes nothing, as the addition of a uuid does. It has a
    // warning: the guest brings it online.
    add: ["memory", "set", vm.name, "512M", "--quiet"],
    remove: ["memory", "remove", vm.name, "dimm-0"],
  };
}

function nicOf(
  { vm }: KillBench,
  title: string,
  ...more: readonly string[]
): Device {
  const mac = ["--mac", "aa:00:00:00:00:c1"];
  return {
    title,
    id: "nic-c0000001-1111-4111",
    add: ["nic", "add", vm.name, "--uuid", UUID, ...mac, ...more, ...TUNED],
    remove: ["nic", "remove", vm.name, UUID],
  };
}

/** A device with both its operations. */
export type DeviceKind =
  | "disk"
  | "DIMM"
  | "SCSI disk"
  | "NIC, mode none"
  | "NIC on a bridge";

function deviceOf(bench: KillBench, kind: DeviceKind): Device {
  switch (kind) {
    case "disk":
      return diskOf(bench);
    case "DIMM":
      return dimmOf(bench);
    case "SCSI disk": {
      const { add, ...disk } = diskOf(bench);
      const more = ["--driver", "scsi-hd", ...LIMITS];
      return { ...disk, title: kind, add: [...add, ...more] };
    }
    case "NIC, mode none":
      return nicOf(bench, kind, "--mode", "none");
    case "NIC on a bridge":
      return nicOf(bench, kind, "--link", bench.bridge, "--tap", "kh-new");
    default:
      return kind satisfies never;
  }
}

/** An operation on a device of this kind. */
export function scenario(
  bench: KillBench,
  kind: DeviceKind,
  verb: Scenario["verb"],
): Scenario {
  return { ...deviceOf(bench, kind), verb };
}
