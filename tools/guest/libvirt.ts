/**
 * libvirt's daemon and virsh, unpacked and never installed: a peer to measure
 * against.
 *
 * @module
 */
import { unpackFromAnySuite } from "./backports.ts";
import { cacheFolder, makeOnce } from "./cache.ts";
import type { Log } from "./types.ts";
import { unlessLeftOut } from "./without.ts";

/** Where libvirt is. */
export interface Libvirt {
  /** To be laid over `/usr`: libvirtd looks for its parts there. */
  readonly usr: string;
}

/** And of what they need what a machine with QEMU may lack. */
const PACKAGES = [
  "libvirt-daemon",
  "libvirt-daemon-driver-qemu",
  "libvirt-clients",
  "libvirt0",
  "libyajl2",
  "libparted2",
  "libpcap0.8",
  "libssh-4",
];

/** libvirt, downloaded once; where it cannot be had, it is left out. */
export function findLibvirt(log: Log): Promise<Libvirt | undefined> {
  const options = { log, inCI: "optional" } as const;
  return unlessLeftOut("LIBVIRT", async () => {
    const folder = `${await cacheFolder()}/libvirt`;
    await makeOnce(folder, (to) => unpackFromAnySuite(PACKAGES, to, log));
    return { usr: `${folder}/usr` };
  }, options);
}
