/**
 * Tap devices: linux/if_tun.h, Documentation/networking/tuntap.rst.
 *
 * @module
 */

import { ifThere } from "../errors.ts";
import { unlessRefused } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { openFile, statPath } from "../sys/file.ts";
import { ioctl } from "../sys/ioctl.ts";
import { O } from "../sys/layout.ts";
import { namesIn } from "./look.ts";
import { readText } from "../sys/regular_file.ts";

const TUNSETIFF = 0x400454ca;
const TUNSETPERSIST = 0x400454cb;
const TUNSETOWNER = 0x400454cc;
const TUNGETFEATURES = 0x800454cf;

const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFF_MULTI_QUEUE = 0x0100;
const IFF_PERSIST = 0x0800;
/**
 * The name must not exist yet; without this flag we would join a foreign tap.
 */
const IFF_TUN_EXCL = 0x8000;

/** struct ifreq of linux/if.h: the name, then a union that begins with flags. */
const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;

/** Properties of a new tap. */
export interface TapOptions {
  /** At most 15 characters; null for the kernel's choice. */
  readonly name: string | null;
  /** Queue pairs, 1 to 32; one fd each. */
  readonly queues: number;
  /** Ask for virtio-net headers if the kernel has them. */
  readonly vnetHdr: "on" | "off";
}

/** A tap; it vanishes with the last fd, which the caller owns. */
export interface Tap {
  /** The name that the kernel completed, at most 15 characters. */
  readonly name: string;
  /** One for each queue, in order; the caller's to close. */
  readonly fds: readonly Fd[];
}

const TUN = "/dev/net/tun";
const VHOST_NET = "/dev/vhost-net";

function features(fd: Fd): number {
  const answer = new Uint8Array(4);
  ioctl(fd, TUNGETFEATURES, answer, "TUNGETFEATURES");
  return new DataView(answer.buffer).getUint32(0, true);
}

/** Attaches an fd to a tap and returns the tap's name. */
function attach(fd: Fd, name: string, flags: number): string {
  const request = new Uint8Array(IFREQ_BYTES);
  new TextEncoder().encodeInto(name, request.subarray(0, IFNAMSIZ - 1));
  new DataView(request.buffer).setUint16(IFNAMSIZ, flags, true);
  ioctl(fd, TUNSETIFF, request, "TUNSETIFF");
  const end = request.indexOf(0);
  return new TextDecoder().decode(request.subarray(0, end));
}

function openTun(): Fd {
  return openFile(TUN, O.RDWR | O.NONBLOCK);
}

/**
 * Makes a tap with an fd per queue.
 *
 * @throws {SysError} EBUSY if the name exists; no fd and no tap are left then
 */
export function openTap(options: TapOptions): Tap {
  return open(options, IFF_TUN_EXCL);
}

/**
 * Makes a tap with an fd per queue, or joins an existing tap of this name that
 * no process has open.
 *
 * @throws {SysError} EBUSY if a process has it open; no fd is left then
 */
export function joinTap(options: TapOptions & { name: string }): Tap {
  return open(options, 0);
}

function open({ name, queues, vnetHdr }: TapOptions, more: number): Tap {
  const fds: Fd[] = [];
  try {
    let flags = IFF_TAP | IFF_NO_PI;
    if (queues > 1) flags |= IFF_MULTI_QUEUE;
    const first = openTun();
    fds.push(first);
    if (vnetHdr === "on") flags |= features(first) & IFF_VNET_HDR;
    const made = attach(first, name ?? "tap%d", flags | more);
    while (fds.length < queues) {
      const fd = openTun();
      fds.push(fd);
      attach(fd, made, flags);
    }
    const named = fds.map((fd) => new Fd(fd.release(), `tap ${made}`));
    return { name: made, fds: named };
  } catch (error) {
    for (const fd of fds) fd.close();
    throw error;
  }
}

/** A tap that stays when no process has it open. */
export interface KeptTapOptions extends TapOptions {
  /** At most 15 characters. */
  readonly name: string;
  /** The user who may open it. */
  readonly uid: number;
}

/**
 * Makes a tap that stays, for another process to open by its name.
 *
 * @throws {SysError} EBUSY if the name exists; no tap is left then
 */
export function keepTap({ uid, ...options }: KeptTapOptions): void {
  const { fds } = openTap(options);
  try {
    const [first] = fds;
    if (first === undefined) throw new TypeError("a tap has a queue");
    ioctl(first, TUNSETOWNER, uid, "TUNSETOWNER");
    ioctl(first, TUNSETPERSIST, 1, "TUNSETPERSIST");
  } finally {
    for (const fd of fds) fd.close();
  }
}

/** The attributes of a tap in sysfs: drivers/net/tun.c, tun_dev_attrs. */
function readTap(name: string): { flags: number; owner: number } | undefined {
  const read = (file: string) =>
    readText(`/sys/class/net/${name}/${file}`).trim();
  return ifThere(() => ({
    flags: Number(read("tun_flags")),
    owner: Number(read("owner")),
  }));
}

/**
 * Removes a tap that was kept for a user. A tap of another user, or one that
 * does not stay by itself, is left alone. May be repeated.
 *
 * @throws {SysError} EBUSY while a process has it open
 */
export function removeKeptTap(
  { name, uid }: Pick<KeptTapOptions, "name" | "uid">,
): void {
  const there = readTap(name);
  if (there?.owner !== uid || !isPersistent(name)) return;
  const kept = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
  using fd = openTun();
  attach(fd, name, there.flags & kept);
  ioctl(fd, TUNSETPERSIST, 0, "TUNSETPERSIST");
}

/** Opens the kernel's virtio-net accelerator; the caller owns the fd. */
export function openVhostNet(): Fd {
  return openFile(VHOST_NET, O.RDWR);
}

function exists(path: string): boolean {
  return unlessRefused(() => statPath(path)) !== undefined;
}

/** Whether this node can make taps, and can accelerate them. */
export function tapSupport(): {
  readonly tun: boolean;
  readonly vhost: boolean;
} {
  return { tun: exists(TUN), vhost: exists(VHOST_NET) };
}

/**
 * Whether a network interface of this name exists; a name from a file may be
 * one that the kernel never accepts: dev_valid_name of net/core/dev.c.
 */
export function interfaceExists(name: string): boolean {
  return /^(?!\.\.?$)[^\s/\0]{1,15}$/.test(name) && name.isWellFormed() &&
    exists(`/sys/class/net/${name}`);
}

/** Whether a tap stays when its last fd is closed. */
export function isPersistent(tap: string): boolean {
  return ((readTap(tap)?.flags ?? 0) & IFF_PERSIST) !== 0;
}

/** Whether a tap carries virtio-net headers. */
export function hasVnetHdr(tap: string): boolean {
  return ((readTap(tap)?.flags ?? 0) & IFF_VNET_HDR) !== 0;
}

/**
 * The kernel bridge of which an interface is a port; undefined if there is
 * none.
 */
export function bridgeOf(name: string): string | undefined {
  const path = `/sys/class/net/${name}/master`;
  const link = ifThere(() => Deno.readLinkSync(path));
  const master = link?.slice(link.lastIndexOf("/") + 1);
  return master !== undefined && isBridge(master) ? master : undefined;
}

/** Whether a network interface is a bridge of the kernel. */
export function isBridge(name: string): boolean {
  return interfaceExists(name) && exists(`/sys/class/net/${name}/bridge`);
}

/** Names of all bridges of this node, in order. */
export function listBridges(): string[] {
  const names = ifThere(() => [...Deno.readDirSync("/sys/class/net")]) ?? [];
  return names.map(({ name }) => name).filter(isBridge).sort();
}

const COMMUNICATION = "gnt.com.";

/**
 * A name for the tap of a communication NIC, in the form of Ganeti's start: the
 * highest existing number plus one. Ganeti's script depends on it: SPEC 6.2.
 */
export function communicationTap(
  there: readonly string[] = namesIn("/sys/class/net"),
): string {
  const numbers = there.filter((name) => name.startsWith(COMMUNICATION))
    .map((name) => /^\d+/.exec(name.slice(COMMUNICATION.length))?.[0])
    .map((digits) => Number(digits ?? -1));
  return `${COMMUNICATION}${Math.max(-1, ...numbers) + 1}`;
}
