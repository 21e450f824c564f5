/**
 * Tap devices: linux/if_tun.h, Documentation/networking/tuntap.rst.
 *
 * @module
 */

import { SysError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { openFile, statPath } from "../sys/file.ts";
import { ioctl } from "../sys/ioctl.ts";
import { O } from "../sys/layout.ts";

const TUNSETIFF = 0x400454ca;
const TUNGETFEATURES = 0x800454cf;

const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFF_MULTI_QUEUE = 0x0100;
/** The name must not exist yet; without it, a foreign tap would be joined. */
const IFF_TUN_EXCL = 0x8000;

/** struct ifreq of linux/if.h: the name, then a union that begins with flags. */
const IFREQ_BYTES = 40;
const IFNAMSIZ = 16;

/** What kind of tap is made. */
export interface TapOptions {
  /** At most 15 characters; null for the kernel's choice. */
  readonly name: string | null;
  /** Queue pairs, 1 to 32; an fd each. */
  readonly queues: number;
  /** Ask for virtio-net headers where the kernel has them. */
  readonly vnetHdr: "on" | "off";
}

/** A tap; it vanishes with the last fd, which the caller owns. */
export interface Tap {
  /** As the kernel completed it, at most 15 characters. */
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
export function openTap({ name, queues, vnetHdr }: TapOptions): Tap {
  const fds: Fd[] = [];
  try {
    let flags = IFF_TAP | IFF_NO_PI;
    if (queues > 1) flags |= IFF_MULTI_QUEUE;
    const first = openTun();
    fds.push(first);
    if (vnetHdr === "on") flags |= features(first) & IFF_VNET_HDR;
    const made = attach(first, name ?? "tap%d", flags | IFF_TUN_EXCL);
    while (fds.length < queues) {
      const fd = openTun();
      fds.push(fd);
      attach(fd, made, flags);
    }
    return { name: made, fds };
  } catch (error) {
    for (const fd of fds) fd.close();
    throw error;
  }
}

/** Opens the kernel's virtio-net accelerator; the caller owns the fd. */
export function openVhostNet(): Fd {
  return openFile(VHOST_NET, O.RDWR);
}

function exists(path: string): boolean {
  try {
    statPath(path);
    return true;
  } catch (error) {
    if (error instanceof SysError) return false;
    throw error;
  }
}

/** Whether this node can make taps, and can accelerate them. */
export function tapSupport(): {
  readonly tun: boolean;
  readonly vhost: boolean;
} {
  return { tun: exists(TUN), vhost: exists(VHOST_NET) };
}

/** Whether a network interface of this name exists. */
export function interfaceExists(name: string): boolean {
  return exists(`/sys/class/net/${name}`);
}

/** IFF_PERSIST of linux/if_tun.h: it stays when nobody has it open. */
const IFF_PERSIST = 0x0800;

/** Whether a tap stays when its last fd is closed. */
export function isPersistent(tap: string): boolean {
  try {
    const flags = Deno.readTextFileSync(`/sys/class/net/${tap}/tun_flags`);
    return (Number(flags) & IFF_PERSIST) !== 0;
  } catch {
    // It has just gone, or is none.
    return false;
  }
}

/** The bridge of the kernel that an interface is a port of, if it is one. */
export function bridgeOf(name: string): string | undefined {
  try {
    const link = Deno.readLinkSync(`/sys/class/net/${name}/master`);
    const master = link.slice(link.lastIndexOf("/") + 1);
    return isBridge(master) ? master : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a network interface is a bridge of the kernel. */
export function isBridge(name: string): boolean {
  return exists(`/sys/class/net/${name}/bridge`);
}
