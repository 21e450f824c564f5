/**
 * Joining a tap to the node's network: with iproute2, or with a network script
 * as Ganeti calls it (SPEC 6.1 and 6.2).
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { SysError } from "../sys/errno.ts";
import { statPath } from "../sys/file.ts";
import { runCommand } from "./command.ts";

/** Longest run of one program, in milliseconds. */
const IP_TIMEOUT_MS = 10_000;
const SCRIPT_TIMEOUT_MS = 60_000;

/** Where Ganeti's script may be, the newest name first. */
const GANETI_SCRIPTS = [
  "/usr/lib/ganeti/kvm-nic-setup",
  "/usr/lib/ganeti/kvm-ifup",
];

function isFile(path: string): boolean {
  try {
    return statPath(path).kind === "file";
  } catch (error) {
    if (error instanceof SysError) return false;
    throw error;
  }
}

/** Whether there is a program at this path. */
export function isProgram(path: string): boolean {
  return isFile(path) && (statPath(path).mode & 0o111) !== 0;
}

/** Ganeti's own network script, if it is installed. */
export function ganetiScript(): string | undefined {
  return GANETI_SCRIPTS.find(isProgram);
}

function readLine(path: string): string {
  return Deno.readTextFileSync(path).trim();
}

/**
 * The address Ganeti gives a tap: the kernel's own, its first byte `fe`, so
 * that the bridge never takes it for its own (a bridge uses its ports' lowest).
 */
export function highAddress(address: string): string {
  return `fe${address.slice(2)}`;
}

/**
 * Makes a tap a port of a bridge, with the bridge's MTU, and brings it up. The
 * kernel takes the port off the bridge when the tap goes.
 *
 * @throws {HotplugError} `host-error`
 */
export async function joinBridge(tap: string, bridge: string): Promise<void> {
  const ip = ["/usr/sbin/ip", "/sbin/ip", "/usr/bin/ip", "/bin/ip"]
    .find(isProgram);
  if (ip === undefined) {
    throw new HotplugError("host-error", "iproute2 is missing: no program ip", {
      hint: "install iproute2, or give a network script with --script",
    });
  }
  const address = highAddress(readLine(`/sys/class/net/${tap}/address`));
  const mtu = readLine(`/sys/class/net/${bridge}/mtu`);
  await runCommand(ip, {
    args: ["-batch", "-"],
    input: [
      `link set dev ${tap} address ${address} mtu ${mtu}`,
      `link set dev ${tap} master ${bridge}`,
      `link set dev ${tap} up`,
      "",
    ].join("\n"),
    timeoutMs: IP_TIMEOUT_MS,
  });
}

/** The bridge that a network interface is a port of, if it is one. */
export function bridgeOf(port: string): string | undefined {
  try {
    const link = Deno.readLinkSync(`/sys/class/net/${port}/master`);
    return link.slice(link.lastIndexOf("/") + 1);
  } catch {
    return undefined;
  }
}

/**
 * Runs a network script on a tap: the tap's name is its argument, `INTERFACE`
 * too, the rest is in its environment.
 *
 * @throws {HotplugError} `host-error`, with the script's output
 */
export async function runNetworkScript(
  path: string,
  tap: string,
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const searchPath = Deno.env.get("PATH") ?? "/usr/bin:/bin";
  await runCommand(path, {
    args: [tap],
    environment: {
      ...environment,
      INTERFACE: tap,
      LC_ALL: "C",
      PATH: `${searchPath}:/sbin:/usr/sbin`,
    },
    timeoutMs: SCRIPT_TIMEOUT_MS,
  });
}
