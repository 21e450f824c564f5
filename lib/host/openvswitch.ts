/**
 * A tap as a port of an Open vSwitch: SPEC 6.2. Its database keeps the port
 * when the tap goes; therefore the port must be removed.
 *
 * @module
 */

import { hostError, HotplugError } from "../errors.ts";
import { ExitCode, runCommand } from "./command.ts";
import { findProgram, ipBatch } from "./network.ts";
import { parseVlans } from "./vlan.ts";

/** Longest run, in milliseconds; the tool's own limit is shorter. */
const TIMEOUT_MS = 12_000;

/** Open vSwitch's own tool, if it is installed. */
function findOvs(): string | undefined {
  return findProgram("ovs-vsctl");
}

async function ovs(...args: readonly string[]): Promise<string> {
  const program = findOvs();
  if (program === undefined) {
    throw hostError("Open vSwitch is missing: no program ovs-vsctl");
  }
  return await runCommand(program, {
    args: ["--timeout=10", ...args],
    timeoutMs: TIMEOUT_MS,
  });
}

/** The answer of Open vSwitch for a switch. */
export type SwitchState =
  | "there"
  | "missing"
  | "no-tool"
  | { readonly unreachable: string };

/** ovs-vsctl(8), br-exists: no such bridge. */
const NO_SUCH_BRIDGE = 2;

/** Asks for a switch of this name. */
export async function findSwitch(name: string): Promise<SwitchState> {
  if (findOvs() === undefined) return "no-tool";
  try {
    await ovs("br-exists", name);
    return "there";
  } catch (error) {
    if (!(error instanceof HotplugError)) throw error;
    const { cause, message } = error;
    const known = cause instanceof ExitCode && cause.code === NO_SUCH_BRIDGE;
    return known ? "missing" : { unreachable: message };
  }
}

/**
 * Names of a switch's ports; undefined: there is no answer, or no such switch.
 */
export async function portsOf(name: string): Promise<string[] | undefined> {
  try {
    return (await ovs("list-ports", name)).split("; ");
  } catch (error) {
    if (error instanceof HotplugError) return undefined;
    throw error;
  }
}

/** The columns of a port for VLANs in Ganeti's form. */
export function portColumns(vlan: string | null): string[] {
  const vlans = vlan ? parseVlans(vlan) : undefined;
  if (vlans === undefined) return [];
  const { untagged, tagged } = vlans;
  return [
    ...(untagged === null ? [] : [`tag=${untagged}`]),
    ...(tagged.length === 0 ? [] : [`trunks=${tagged.join(",")}`]),
  ];
}

/** Makes a tap a port of a switch. @throws {HotplugError} `host-error` */
export async function joinSwitch(
  tap: string,
  { link, vlan }: {
    readonly link: string | null;
    readonly vlan: string | null;
  },
): Promise<void> {
  await ovs(
    ...["--", "--if-exists", "del-port", tap],
    ...["--", "add-port", link ?? "", tap, ...portColumns(vlan)],
  );
  await ipBatch([`link set dev ${tap} up`]);
}

/**
 * Removes a tap's port. May be repeated. @throws {HotplugError} `host-error`
 */
export async function leaveSwitch(tap: string): Promise<void> {
  // Without the tool we have no port in its database.
  if (findOvs() === undefined) return;
  const leave = ["--", "--if-exists", "del-port", tap];
  try {
    await ovs(...leave);
  } catch {
    // If the daemon that follows the database is down, only the database is
    // changed.
    await ovs("--no-wait", ...leave);
  }
}
