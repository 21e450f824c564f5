/**
 * What a scripted QEMU has, disks whole: images that it holds open and has
 * locked, their sizes, limits and trays. It can be told, and made again.
 *
 * @module
 */

import { joinTap } from "../../lib/host/tap.ts";
import { checked } from "../../lib/sys/errno.ts";
import type { Fd } from "../../lib/sys/fd.ts";
import { openFile, statPath } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import {
  type Json,
  type ModelDevice,
  ModelRefusal,
  ScriptedModel,
} from "./scripted_model.ts";

/** An image, as a block node has it. */
interface Image {
  /** What it was opened from, e.g. `/dev/fdset/1`. */
  readonly filename: string;
  readonly fd: Fd;
  readonly readOnly: boolean;
  sizeBytes: number;
}

/** What a scripted QEMU has, as text. Paths and taps are the node's. */
export interface QemuState {
  readonly devices: readonly (ModelDevice & { readonly scsiId?: number })[];
  readonly nodes: readonly {
    readonly name: string;
    readonly filename: string;
    /** The file that is open. */
    readonly path: string;
    readonly readOnly: boolean;
    readonly sizeBytes: number;
  }[];
  /** Each with the tap behind every queue. */
  readonly netdevs: readonly { readonly id: string; readonly taps: string[] }[];
  readonly fdsets: readonly {
    readonly id: number;
    readonly opaque: string;
    /** Null: taken out again, and in use by a node. */
    readonly path: string | null;
  }[];
  /** The tap behind each name. */
  readonly fdNames: Readonly<Record<string, string>>;
  /** By device id. */
  readonly limits: Readonly<Record<string, Json>>;
  /** Device ids of drives whose tray is open. */
  readonly openTrays: readonly string[];
}

const OFD_SETLK = 37;
const libc = Deno.dlopen("libc.so.6", {
  fcntl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
}).symbols;

/** As QEMU locks what it opens: block/file-posix.c, byte 100. */
function lockImage(fd: Fd): void {
  // struct flock: F_RDLCK, SEEK_SET, then start and length from byte 8 on.
  const lock = new DataView(new ArrayBuffer(32));
  lock.setBigInt64(8, 100n, true);
  lock.setBigInt64(16, 1n, true);
  // SAFETY: the struct outlives the synchronous call; checked() looks at
  // the result.
  const call = () =>
    libc.fcntl(fd.number, OFD_SETLK, new Uint8Array(lock.buffer));
  checked("fcntl", fd, call);
}

function openImage(path: string, readOnly: boolean): Fd {
  return openFile(path, readOnly ? O.RDONLY : O.RDWR);
}

function pathOf(fd: Fd): string {
  return Deno.readLinkSync(`/proc/self/fd/${fd.number}`);
}

function tapOf(fd: Fd): string {
  const info = Deno.readTextFileSync(`/proc/self/fdinfo/${fd.number}`);
  const [, name] = /^iff:\s*(\S+)$/m.exec(info) ?? [];
  if (name === undefined) throw new TypeError(`fd ${fd.number} is no tap`);
  return name;
}

function text(value: unknown): string {
  return String(value ?? "");
}

const THROTTLES = ["iops", "iops_rd", "iops_wr", "bps", "bps_rd", "bps_wr"];

/** Commands beside those of {@linkcode ScriptedModel}. */
const MORE = [
  ...["block_resize", "block_set_io_throttle", "query-iothreads"],
  ...["blockdev-open-tray", "blockdev-close-tray", "blockdev-insert-medium"],
  ...["blockdev-remove-medium", "x-debug-query-block-graph"],
];

type Device = QemuState["devices"][number];

/** Owns every fd it was given, and every one it opens. */
export class DiskModel extends ScriptedModel {
  readonly images = new Map<string, Image>();
  readonly limits = new Map<string, Json>();
  readonly openTrays = new Set<string>();
  /** A command that is refused when it comes next; it takes no fd. */
  refused: string | undefined;

  constructor() {
    super();
    for (const name of MORE) this.commands.add(name);
  }

  override carryOut(command: string, args: Json, fd?: Fd): unknown {
    if (command === this.refused) {
      this.refused = undefined;
      throw new ModelRefusal("GenericError", "not today");
    }
    const change = this.#change(command, args);
    if (change !== undefined) return change;
    const property = command === "qom-get" ? this.#property(args) : undefined;
    if (property !== undefined) return property;
    const answer = super.carryOut(command, args, fd);
    if (command === "blockdev-add") this.#addImage(args);
    if (command === "blockdev-del") this.#dropImage(text(args["node-name"]));
    return this.#answer(command, args) ?? answer;
  }

  #change(command: string, args: Json): unknown {
    const id = text(args.id).split("/").find((part) => this.devices.has(part));
    switch (command) {
      case "block_resize":
        this.#image(args["node-name"]).sizeBytes = Number(args.size);
        return {};
      case "block_set_io_throttle":
        this.limits.set(text(id), args);
        return {};
      case "blockdev-open-tray":
        this.openTrays.add(text(id));
        return {};
      case "blockdev-close-tray":
        this.openTrays.delete(text(id));
        return {};
      case "blockdev-remove-medium":
        this.#changeDrive(text(id), undefined);
        return {};
      case "blockdev-insert-medium":
        this.#changeDrive(text(id), text(args["node-name"]));
        return {};
    }
    return undefined;
  }

  #image(name: unknown): Image {
    const image = this.images.get(text(name));
    if (image !== undefined) return image;
    throw new ModelRefusal("GenericError", `Cannot find node '${name}'`);
  }

  #changeDrive(id: string, drive: string | undefined): void {
    const device = this.devices.get(id);
    if (device === undefined) {
      throw new ModelRefusal("DeviceNotFound", `Device '${id}' not found`);
    }
    this.devices.set(id, { ...device, drive });
  }

  #addImage(args: Json): void {
    const name = text(args["node-name"]);
    const { filename } = args.file as { filename: string };
    const set = Number(/^\/dev\/fdset\/(\d+)$/.exec(filename)?.[1] ?? 0);
    const path = set === 0
      ? filename
      : `/proc/self/fd/${this.fdOf(set).number}`;
    this.#open(name, { path, filename, readOnly: args["read-only"] === true });
  }

  #open(
    name: string,
    { path, filename, readOnly }: {
      readonly path: string;
      readonly filename: string;
      readonly readOnly: boolean;
    },
  ): void {
    const fd = openImage(path, readOnly);
    lockImage(fd);
    const { sizeBytes } = statPath(path);
    this.images.set(name, { filename, fd, readOnly, sizeBytes });
  }

  #dropImage(name: string): void {
    this.images.get(name)?.fd.close();
    this.images.delete(name);
  }

  #answer(command: string, args: Json): unknown {
    switch (command) {
      case "query-named-block-nodes":
        return [...this.images.keys()].flatMap((name) => [
          this.#node(name, { name, drv: "raw" }),
          this.#node(name, { name: `#file-${name}`, drv: "file" }),
        ]);
      case "x-debug-query-block-graph":
        return this.#graph();
      case "query-block":
        return this.#drives();
      case "query-iothreads":
        return [];
      case "query-pci":
        return this.#pci(args);
    }
    return undefined;
  }

  #node(image: string, { name, drv }: { name: string; drv: string }): Json {
    const { filename, readOnly, sizeBytes } = this.#image(image);
    return {
      "node-name": name,
      drv,
      file: filename,
      ro: readOnly,
      cache: { direct: false, "no-flush": false, writeback: true },
      image: { filename, format: drv, "virtual-size": sizeBytes },
    };
  }

  #graph(): Json {
    const names = [...this.images.keys()];
    const node = (id: number, name: string) => ({
      id,
      type: "block-driver",
      name,
    });
    return {
      nodes: names.flatMap((name, k) => [
        node(2 * k + 1, name),
        node(2 * k + 2, `#file-${name}`),
      ]),
      edges: names.map((_, k) => ({
        ...{ parent: 2 * k + 1, child: 2 * k + 2, name: "file" },
        ...{ perm: [], "shared-perm": [] },
      })),
    };
  }

  #drives(): Json[] {
    const disks = [...this.devices.values()].filter(({ driver }) =>
      /^(virtio-blk|scsi-)/.test(driver)
    );
    return disks.map(({ id, driver, drive }) => {
      const isDrive = driver === "scsi-cd";
      const { id: _, ...limits } = this.limits.get(id) ?? {};
      const none = Object.fromEntries(THROTTLES.map((name) => [name, 0]));
      return {
        device: "",
        qdev: isDrive ? id : `/machine/peripheral/${id}/virtio-backend`,
        removable: isDrive,
        locked: false,
        ...(isDrive ? { tray_open: this.openTrays.has(id) } : {}),
        ...(drive === undefined ? {} : {
          inserted: {
            ...this.#node(drive, { name: drive, drv: "raw" }),
            ...none,
            ...limits,
          },
        }),
      };
    });
  }

  /** A drive of a SCSI bus is on no PCI bus, its controller is no disk. */
  #pci(args: Json): unknown {
    const isOf = (driver: string) => ({ id }: { id: string }) =>
      this.devices.get(id)?.driver === driver;
    for (const one of [...this.devices.values()].filter(isOf("scsi-cd"))) {
      this.hidden.add(one.id);
    }
    const [bus] = super.carryOut("query-pci", args) as [
      { readonly devices: readonly (Json & { readonly qdev_id: string })[] },
    ];
    const devices = bus.devices.map((one) =>
      isOf("virtio-scsi-pci")({ id: one.qdev_id })
        ? { ...one, id: { device: 0x1004, vendor: 0x1af4 } }
        : one
    );
    return [{ ...bus, devices }];
  }

  #property({ path, property }: Json): unknown {
    const device = this.devices.get(text(path).split("/").at(-1) ?? "");
    if (property === "netdev" && device?.netdev) return device.netdev;
    const isOnPci = device !== undefined && device.driver !== "scsi-cd";
    if (isOnPci && property === "parent_bus") return "/machine/pci.0";
    if (device?.driver !== "scsi-cd") return undefined;
    switch (property) {
      case "parent_bus":
        return "/machine/peripheral/scsi/virtio-backend/scsi.0";
      case "scsi-id":
        return device.slot;
      case "channel":
      case "lun":
        return 0;
    }
    return undefined;
  }

  /** All that is there. */
  state(): QemuState {
    return {
      devices: [...this.devices.values()],
      nodes: [...this.images].map(([name, { fd, ...image }]) => ({
        name,
        path: pathOf(fd),
        ...image,
      })),
      netdevs: [...this.netdevs].map(([id, { fds }]) => ({
        id,
        taps: fds.map(tapOf),
      })),
      fdsets: [...this.fdsets].map(([id, { opaque, fd }]) => ({
        id,
        opaque,
        path: fd === undefined ? null : pathOf(fd),
      })),
      fdNames: Object.fromEntries(
        [...this.fdNames].map(([name, fd]) => [name, tapOf(fd)]),
      ),
      limits: Object.fromEntries(this.limits),
      openTrays: [...this.openTrays],
    };
  }

  /** Makes all that was told; nothing else is there then. */
  load(state: QemuState): void {
    this.clear();
    const tap = (name: string) => {
      const [fd] = joinTap({ name, queues: 1, vnetHdr: "on" }).fds;
      if (fd === undefined) throw new TypeError("a tap has a queue");
      return fd;
    };
    for (const one of state.devices) this.devices.set(one.id, one as Device);
    for (const { name, sizeBytes, ...image } of state.nodes) {
      const [, set] = /^\/dev\/fdset\/(\d+)$/.exec(image.filename) ?? [];
      this.nodes.set(name, Number(set ?? 0));
      this.#open(name, image);
      this.#image(name).sizeBytes = sizeBytes;
    }
    for (const { id, taps } of state.netdevs) {
      this.netdevs.set(id, { fds: taps.map(tap) });
    }
    for (const { id, opaque, path } of state.fdsets) {
      const fd = path === null ? undefined : openImage(path, false);
      this.fdsets.set(id, { opaque, fd });
    }
    for (const [name, its] of Object.entries(state.fdNames)) {
      this.fdNames.set(name, tap(its));
    }
    for (const [id, one] of Object.entries(state.limits)) {
      this.limits.set(id, one);
    }
    for (const id of state.openTrays) this.openTrays.add(id);
  }

  /** Closes all and forgets it. */
  clear(): void {
    super[Symbol.dispose]();
    this.refused = undefined;
    for (const { fd } of this.images.values()) fd.close();
    const all = [this.devices, this.nodes, this.netdevs, this.fdsets];
    const more = [this.fdNames, this.images, this.limits, this.openTrays];
    for (const map of [...all, ...more]) map.clear();
  }

  override [Symbol.dispose](): void {
    this.clear();
  }
}
