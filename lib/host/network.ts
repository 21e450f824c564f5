/**
 * Connects a tap to the node's network: with iproute2, or with a network
 * script, called as Ganeti calls it (SPEC 6.1 and 6.2).
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { unlessRefused } from "../sys/errno.ts";
import { statPath } from "../sys/file.ts";
import { runCommand } from "./command.ts";
import { lookAt, readIfThere } from "./look.ts";
import { bridgeOf } from "./tap.ts";
import { parseVlans, readVlans, vlanLines, type Vlans } from "./vlan.ts";

/** Longest run of one program, in milliseconds. */
const IP_TIMEOUT_MS = 10_000;
const SCRIPT_TIMEOUT_MS = 60_000;

/** Possible paths of Ganeti's script, the newest name first. */
const GANETI_SCRIPTS = [
  "/usr/lib/ganeti/kvm-nic-setup",
  "/usr/lib/ganeti/kvm-ifup",
];

/** Whether there is a program at this path. */
export function isProgram(path: string): boolean {
  const status = unlessRefused(() => statPath(path));
  return status?.kind === "file" && (status.mode & 0o111) !== 0;
}

/** Ganeti's own network script, if it is installed. */
export function ganetiScript(): string | undefined {
  return GANETI_SCRIPTS.find(isProgram);
}

/** This script takes an action, `up` or `down`: Ganeti newer than 3.1. */
const BOTH_WAYS = "/kvm-nic-setup";
const GANETI_DOWN = "/usr/lib/ganeti/kvm-ifdown";

/** The release of this node's Ganeti, by its network script: SPEC 6.1. */
export type GanetiRelease = "newer" | "3.1";

/** Undefined if no Ganeti is installed. */
export function ganetiRelease(): GanetiRelease | undefined {
  const script = ganetiScript();
  if (script === undefined) return undefined;
  return script.endsWith(BOTH_WAYS) ? "newer" : "3.1";
}

/**
 * Folders of the scripts for a mode, the administrator's own first: SPEC 6.2.
 */
const MODE_SCRIPTS = ["/etc/ganeti/network", "/usr/lib/ganeti/network"];

/** The script that connects a tap in a mode for which Ganeti has no script. */
export type ModeScript = Readonly<NonNullable<ReturnType<typeof modeScript>>>;

/**
 * Looks for this script; undefined if the mode needs none, or this Ganeti is
 * older.
 */
export function modeScript(mode: string) {
  const isBare = mode === "none" || mode === "ext";
  if (!isBare || ganetiRelease() !== "newer") return undefined;
  const folders = mode === "ext" ? MODE_SCRIPTS.slice(0, 1) : MODE_SCRIPTS;
  const paths = folders.map((folder) => `${folder}/${mode}/up`);
  return {
    /** The place where an administrator may put one. */
    path: paths[0] ?? "",
    isThere: paths.some(isProgram),
  };
}

/** The program that undoes Ganeti's own script, if there is one. */
export function ganetiDown(): string | undefined {
  const script = ganetiScript();
  if (script?.endsWith(BOTH_WAYS)) return script;
  return script !== undefined && isProgram(GANETI_DOWN)
    ? GANETI_DOWN
    : undefined;
}

function readLine(path: string): string {
  return Deno.readTextFileSync(path).trim();
}

/**
 * The address that Ganeti gives a tap: the kernel's address with the first byte
 * `fe`, so that the bridge never takes it as its own (a bridge uses the lowest
 * address of its ports).
 */
function highAddress(address: string): string {
  return `fe${address.slice(2)}`;
}

/** A program of the system, in any of the usual folders. */
export function findProgram(name: string): string | undefined {
  return ["/usr/sbin", "/sbin", "/usr/bin", "/bin", "/usr/local/bin"]
    .map((folder) => `${folder}/${name}`).find(isProgram);
}

function iproute(name: "ip" | "bridge"): string {
  const program = findProgram(name);
  if (program !== undefined) return program;
  throw new HotplugError(
    "host-error",
    `iproute2 is missing: no program ${name}`,
    { hint: "install iproute2, or give a network script with --script" },
  );
}

/** Runs iproute2's `ip`. @returns its output, lines joined by `; ` */
export async function ip(args: readonly string[]): Promise<string> {
  return await runCommand(iproute("ip"), { args, timeoutMs: IP_TIMEOUT_MS });
}

async function batch(
  program: string,
  lines: readonly string[],
  options: readonly string[],
): Promise<void> {
  if (lines.length === 0) return;
  await runCommand(program, {
    args: [...options, "-batch", "-"],
    input: [...lines, ""].join("\n"),
    timeoutMs: IP_TIMEOUT_MS,
  });
}

/** Runs several commands in one `ip`, up to the first that fails. */
export async function ipBatch(
  lines: readonly string[],
  options: readonly string[] = [],
): Promise<void> {
  await batch(iproute("ip"), lines, options);
}

/** The state of a bridge. */
export type BridgeState = Readonly<NonNullable<ReturnType<typeof readBridge>>>;

/** IFF_UP of linux/if.h. */
const UP = 1;
/**
 * A new port listens for this time, and learns for as long: hundredths of 1 s.
 */
const LISTENS_AND_LEARNS = 2 / 100;

/** Reads the state of a bridge; undefined if there is none. */
export function readBridge(name: string) {
  const read = (file: string) =>
    readIfThere(`/sys/class/net/${name}/${file}`)?.trim();
  const mac = read("address");
  const hasTree = read("bridge/stp_state");
  if (mac === undefined || hasTree === undefined) return undefined;
  const delay = Number(read("bridge/forward_delay")) || 0;
  return {
    /** The bridge's own address, lower case. */
    mac: mac.toLowerCase(),
    /** Of its frames, in bytes. */
    mtu: Number(read("mtu")) || undefined,
    /** Whether it forwards frames. */
    link: (Number(read("flags")) & UP) === 0 ? "down" : "up",
    /**
     * How long its spanning tree keeps a new port from passing frames, in
     * seconds.
     */
    listensSeconds: hasTree === "0" ? 0 : delay * LISTENS_AND_LEARNS,
  };
}

/** Whether a bridge filters VLANs. */
export function filtersVlans(bridge: string): boolean {
  const path = `/sys/class/net/${bridge}/bridge/vlan_filtering`;
  return readIfThere(path)?.trim() === "1";
}

/** The VLANs of a bridge's port; undefined: they are unknown. */
export async function vlansOf(port: string): Promise<Vlans | undefined> {
  const program = findProgram("bridge");
  if (program === undefined) return undefined;
  const args = ["-j", "vlan", "show", "dev", port];
  return readVlans(
    await runCommand(program, { args, timeoutMs: IP_TIMEOUT_MS }),
  );
}

/**
 * The ports by which a bridge reaches other machines: the ports that are not
 * taps.
 */
function uplinksOf(bridge: string): string[] {
  return [...Deno.readDirSync(`/sys/class/net/${bridge}/brif`)]
    .map(({ name }) => name)
    .filter((port) => !interfaceHas(port, "tun_flags"));
}

function interfaceHas(name: string, file: string): boolean {
  return lookAt(`/sys/class/net/${name}/${file}`) !== undefined;
}

/** Gives a port its VLANs, and adds them to the bridge's uplinks. */
async function setVlans(
  tap: string,
  bridge: string,
  text: string,
): Promise<void> {
  const vlans = parseVlans(text);
  if (vlans === undefined) {
    throw new HotplugError(
      "host-error",
      `VLAN ${text} is not valid: a VLAN id is 1 to 4094`,
    );
  }
  const preset = readLine(`/sys/class/net/${bridge}/bridge/default_pvid`);
  const lines = vlanLines(tap, vlans, {
    preset: Number(preset),
    uplinks: uplinksOf(bridge),
  });
  await batch(iproute("bridge"), lines, []);
}

/**
 * Makes a tap a port of a bridge, with the bridge's MTU, and brings it up. The
 * kernel takes the port off the bridge when the tap goes.
 *
 * @throws {HotplugError} `host-error`
 */
export async function joinBridge(
  tap: string,
  { bridge, vlan }: { readonly bridge: string; readonly vlan: string | null },
): Promise<void> {
  const mtu = readLine(`/sys/class/net/${bridge}/mtu`);
  const address = readLine(`/sys/class/net/${tap}/address`);
  await ipBatch([
    `link set dev ${tap} address ${highAddress(address)} mtu ${mtu}`,
    `link set dev ${tap} master ${bridge}`,
  ]);
  if (vlan) await setVlans(tap, bridge, vlan);
  await ipBatch([`link set dev ${tap} up`]);
}

/**
 * Takes a tap off its bridge; the tap stays up, so that the guest does not
 * notice.
 */
export async function leaveBridge(tap: string): Promise<void> {
  if (bridgeOf(tap) !== undefined) await ip(["link", "set", tap, "nomaster"]);
}

/**
 * Runs a network script on a tap. The tap's name is its argument and
 * `INTERFACE`; all other data is in its environment.
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
