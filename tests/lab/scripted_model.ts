/**
 * What a scripted QEMU has: devices, block nodes, network backends, fd sets,
 * fd names. Commands change it, queries tell of it, so that both always agree.
 *
 * @module
 */

import type { Fd } from "../../lib/sys/fd.ts";
import { CHANGES, closeAll } from "./scripted_changes.ts";
import { QUERIES } from "./scripted_queries.ts";

export type Json = Record<string, unknown>;

/** A refusal as QEMU words it. */
export class ModelRefusal extends Error {
  readonly class: string;

  constructor(errorClass: string, desc: string) {
    super(desc);
    this.class = errorClass;
  }
}

/** A device of `/machine/peripheral`, on pci.0. */
export interface ModelDevice {
  readonly id: string;
  readonly driver: string;
  readonly slot: number;
  readonly drive?: string | undefined;
  readonly netdev?: string | undefined;
  /** Of a NIC. */
  readonly mac?: string | undefined;
}

/** A network backend and the fds it owns, one for each queue; none: no tap. */
export interface ModelNetdev {
  readonly fds: readonly Fd[];
}

/** An fd set; `opaque` is gone with the last fd. */
export interface ModelFdset {
  readonly opaque: string;
  fd: Fd | undefined;
}

/** Owns every fd it was given. */
export class ScriptedModel implements Disposable {
  readonly devices = new Map<string, ModelDevice>();
  /** Node-name to the fd set it reads from, 0 for none. */
  readonly nodes = new Map<string, number>();
  /** What nodes were made with, by node-name. */
  readonly settings = new Map<string, Json>();
  /** Likewise devices, by id. */
  readonly properties = new Map<string, Json>();
  /** Bytes, of nodes that were made another size. */
  readonly sizes = new Map<string, number>();
  readonly netdevs = new Map<string, ModelNetdev>();
  readonly fdsets = new Map<number, ModelFdset>();
  readonly fdNames = new Map<string, Fd>();
  /** Ids that query-pci hides: QEMU took the device, and it is not there. */
  readonly hidden = new Set<string>();
  readonly commands = new Set(COMMANDS);
  name = "vm1.example.com";
  machine = "pc-i440fx-7.2";
  runState = "running";
  migration: string | undefined;

  /** What a VM is started with: a disk on its node, a NIC on its backend. */
  startWith({ disk, nic }: {
    readonly disk?: string | undefined;
    readonly nic?: { readonly id: string; readonly mac: string } | undefined;
  }): void {
    if (disk !== undefined) {
      const device = { id: disk, driver: "virtio-blk-pci", slot: 12 };
      this.nodes.set(disk, 0);
      this.devices.set(disk, { ...device, drive: disk });
    }
    if (nic !== undefined) {
      const device = { ...nic, driver: "virtio-net-pci", slot: 13 };
      this.netdevs.set(nic.id, { fds: [] });
      this.devices.set(nic.id, { ...device, netdev: nic.id });
    }
  }

  /** The fd in an fd set, which stays the model's. */
  fdOf(fdset: number): Fd {
    const fd = this.fdsets.get(fdset)?.fd;
    if (fd === undefined) throw new Error(`fd set ${fdset} has no fd`);
    return fd;
  }

  /** All that is there: what it was started with, what operations left. */
  contents(): string[] {
    const kinds = {
      device: this.devices.keys(),
      node: this.nodes.keys(),
      netdev: this.netdevs.keys(),
      fdset: [...this.fdsets].filter(([, set]) => set.fd).map(([id]) => id),
      fdname: this.fdNames.keys(),
    };
    return Object.entries(kinds)
      .flatMap(([kind, ids]) => [...ids].map((id) => `${kind} ${id}`))
      .sort();
  }

  /**
   * Carries a command out.
   *
   * @param fd the fd that came with it; the model's from now on
   * @throws {ModelRefusal}
   */
  carryOut(command: string, args: Json, fd?: Fd): unknown {
    if (!this.commands.has(command)) {
      throw new ModelRefusal("CommandNotFound", `no command ${command}`);
    }
    const change = CHANGES[command];
    if (change === undefined) {
      fd?.close();
      return QUERIES[command]?.(this, args) ?? {};
    }
    return change(this, args, fd) ?? {};
  }

  [Symbol.dispose](): void {
    for (const set of this.fdsets.values()) set.fd?.close();
    for (const fd of this.fdNames.values()) fd.close();
    for (const netdev of this.netdevs.values()) closeAll(netdev);
  }
}

const COMMANDS: readonly string[] = [
  "qmp_capabilities",
  ...Object.keys(CHANGES),
  ...Object.keys(QUERIES),
];
