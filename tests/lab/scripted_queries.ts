/**
 * How a scripted QEMU answers questions about what it has, in the forms of
 * QEMU 7.2.
 *
 * @module
 */

import {
  type Json,
  type ModelDevice,
  ModelRefusal,
  type ScriptedModel,
} from "./scripted_model.ts";

/** Vendor and device of a virtio device and the PCI class it shows. */
function pciDevice({ id, driver, slot }: ModelDevice) {
  const isNic = driver.startsWith("virtio-net");
  return {
    bus: 0,
    slot,
    function: 0,
    class_info: isNic
      ? { class: 0x0200, desc: "Ethernet controller" }
      : { class: 0x0100, desc: "SCSI controller" },
    id: { device: isNic ? 0x1000 : 0x1001, vendor: 0x1af4 },
    qdev_id: id,
    irq_pin: 1,
    regions: [],
  };
}

const HOST_BRIDGE = {
  bus: 0,
  slot: 0,
  function: 0,
  class_info: { class: 0x0600, desc: "Host bridge" },
  id: { device: 0x1237, vendor: 0x8086 },
  qdev_id: "",
  regions: [],
};

function infoNetwork({ netdevs, devices }: ScriptedModel): string {
  const lines = [...netdevs].flatMap(([id, { fds }]) => {
    const nic = [...devices.values()].find((one) => one.netdev === id);
    const kinds = fds.length === 0
      ? ["type=user,net=10.0.2.0,restrict=off"]
      : fds.map(({ number }) => `type=tap,fd=${number}`);
    return kinds.flatMap((kind, queue) => {
      const tap = `${id}: index=${queue},${kind}`;
      return nic === undefined ? [tap] : [
        `${nic.id}: index=${queue},type=nic,model=virtio-net-pci`,
        ` \\ ${tap}`,
      ];
    });
  });
  return lines.map((line) => `${line}\r\n`).join("");
}

function qomGet(model: ScriptedModel, args: Json): unknown {
  const { machine, devices, properties } = model;
  const { path, property } = args;
  if (property === "type") return `${machine}-machine`;
  const id = String(path).split("/").at(-1) ?? "";
  const device = devices.get(id);
  if (property === "mac" && device?.mac !== undefined) return device.mac;
  const given = device && properties.get(id)?.[String(property)];
  if (given !== undefined) return given;
  const desc = `Property '${path}.${property}' not found`;
  throw new ModelRefusal("GenericError", desc);
}

/** The answer to each question. */
export const QUERIES: Record<
  string,
  (model: ScriptedModel, args: Json) => unknown
> = {
  "query-name": ({ name }) => ({ name }),
  "query-status": ({ runState }) => ({
    running: runState === "running",
    status: runState,
  }),
  "query-migrate": ({ migration }) =>
    migration === undefined ? {} : { status: migration },
  "query-commands": ({ commands }) => [...commands].map((name) => ({ name })),
  "query-pci": ({ devices, hidden }) => [{
    bus: 0,
    devices: [
      HOST_BRIDGE,
      ...[...devices.values()].filter((one) => !hidden.has(one.id))
        .map(pciDevice),
    ],
  }],
  "qom-get": qomGet,
  "qom-list": ({ devices }) => [
    { name: "type", type: "string" },
    ...[...devices.values()].map(({ id, driver }) => ({
      name: id,
      type: `child<${driver}>`,
    })),
  ],
  "query-named-block-nodes": ({ nodes }) =>
    [...nodes.keys()].map((name) => ({ "node-name": name, drv: "raw" })),
  "query-block": ({ devices, nodes, settings, sizes }) =>
    [...devices.values()].filter((one) => one.drive !== undefined)
      .map(({ id, drive = "" }) => ({
        device: "",
        qdev: `/machine/peripheral/${id}/virtio-backend`,
        inserted: {
          "node-name": drive,
          drv: settings.get(drive)?.driver ?? "raw",
          ro: settings.get(drive)?.["read-only"] ?? false,
          cache: settings.get(drive)?.cache ?? {},
          file: `/dev/fdset/${nodes.get(drive)}`,
          image: { "virtual-size": sizes.get(drive) ?? 1048576 },
        },
      })),
  "query-fdsets": ({ fdsets }) =>
    [...fdsets].map(([id, { fd, opaque }]) => ({
      "fdset-id": id,
      fds: fd === undefined ? [] : [{ fd: fd.number, opaque }],
    })),
  "human-monitor-command": (model) => infoNetwork(model),
};
