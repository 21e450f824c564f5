/**
 * The commands that change what a scripted QEMU has, with QEMU's refusals.
 *
 * @module
 */

import type { Fd } from "../../lib/sys/fd.ts";
import {
  type Json,
  type ModelNetdev,
  ModelRefusal,
  type ScriptedModel,
} from "./scripted_model.ts";

function refused(desc: string): ModelRefusal {
  return new ModelRefusal("GenericError", desc);
}

function text(value: unknown): string {
  return String(value ?? "");
}

/** Closes the fds of a network backend. */
export function closeAll(netdev: ModelNetdev) {
  for (const fd of netdev.fds) fd.close();
}

type Change = (model: ScriptedModel, args: Json, fd?: Fd) => unknown;

function getfd({ fdNames }: ScriptedModel, args: Json, fd?: Fd) {
  if (fd === undefined) {
    throw refused("No file descriptor supplied via SCM_RIGHTS");
  }
  fdNames.get(text(args.fdname))?.close();
  fdNames.set(text(args.fdname), fd);
}

function closefd({ fdNames }: ScriptedModel, args: Json) {
  const name = text(args.fdname);
  if (!fdNames.has(name)) {
    throw refused(`File descriptor named '${name}' not found`);
  }
  fdNames.get(name)?.close();
  fdNames.delete(name);
}

function addFd({ fdsets }: ScriptedModel, args: Json, fd?: Fd) {
  if (fd === undefined) {
    throw refused("No file descriptor supplied via SCM_RIGHTS");
  }
  const id = Number(args["fdset-id"]);
  fdsets.set(id, { opaque: text(args.opaque), fd });
  return { "fdset-id": id, fd: fd.number };
}

function removeFd(model: ScriptedModel, args: Json) {
  const id = Number(args["fdset-id"]);
  const set = model.fdsets.get(id);
  if (set === undefined) {
    throw refused(`File descriptor named 'fdset-id:${id}' not found`);
  }
  // A node that was opened through it keeps its own copy of the fd.
  set.fd?.close();
  set.fd = undefined;
  if (![...model.nodes.values()].includes(id)) model.fdsets.delete(id);
}

function blockdevAdd(model: ScriptedModel, args: Json) {
  const name = text(args["node-name"]);
  if (model.nodes.has(name)) {
    throw refused(`Duplicate nodes with node-name='${name}'`);
  }
  const filename = text((args.file as Json | undefined)?.filename);
  const fdset = Number(/^\/dev\/fdset\/(\d+)$/.exec(filename)?.[1] ?? 0);
  if (fdset !== 0 && model.fdsets.get(fdset)?.fd === undefined) {
    throw refused(`Could not open '${filename}': No such file or directory`);
  }
  model.nodes.set(name, fdset);
  model.settings.set(name, args);
}

function blockdevDel({ nodes, devices, fdsets }: ScriptedModel, args: Json) {
  const name = text(args["node-name"]);
  const fdset = nodes.get(name);
  if (fdset === undefined) {
    throw refused(`Failed to find node with node-name='${name}'`);
  }
  if ([...devices.values()].some((one) => one.drive === name)) {
    throw refused(`Node ${name} is in use`);
  }
  nodes.delete(name);
  if (fdsets.get(fdset)?.fd === undefined) fdsets.delete(fdset);
}

function blockResize({ nodes, devices, sizes }: ScriptedModel, args: Json) {
  const name = text(args["node-name"] ?? devices.get(text(args.device))?.drive);
  if (!nodes.has(name)) {
    throw refused(`Cannot find device='' nor node-name='${name}'`);
  }
  sizes.set(name, Number(args.size));
}

function netdevAdd({ netdevs, fdNames }: ScriptedModel, args: Json) {
  const id = text(args.id);
  if (netdevs.has(id)) throw refused(`Duplicate ID '${id}' for netdev`);
  const names = text(args.fds).split(":");
  const fds = names.map((name) => {
    const fd = fdNames.get(name);
    if (fd === undefined) {
      throw refused(`File descriptor named '${name}' not found`);
    }
    return fd;
  });
  for (const name of names) fdNames.delete(name);
  netdevs.set(id, { fds });
}

function netdevDel({ netdevs }: ScriptedModel, args: Json) {
  const id = text(args.id);
  const netdev = netdevs.get(id);
  if (netdev === undefined) throw refused(`Device '${id}' not found`);
  // Accepted with the NIC still there, which then is dead: as QEMU does.
  closeAll(netdev);
  netdevs.delete(id);
}

function deviceAdd(model: ScriptedModel, args: Json) {
  const { devices, nodes, netdevs } = model;
  const { drive, netdev } = args;
  const id = text(args.id);
  const slot = parseInt(text(args.addr), 16);
  if (devices.has(id)) throw refused(`Duplicate device ID '${id}'`);
  const holder = [...devices.values()].find((one) => one.slot === slot);
  if (holder) throw refused(`PCI: slot ${slot} function 0 not available`);
  if (drive !== undefined && !nodes.has(text(drive))) {
    throw refused(`Property 'drive' can't find value '${drive}'`);
  }
  if (netdev !== undefined && !netdevs.has(text(netdev))) {
    throw refused(`Property 'netdev' can't find value '${netdev}'`);
  }
  const mac = args.mac as string | undefined;
  const use = { drive: drive as string, netdev: netdev as string, mac };
  devices.set(id, { id, driver: text(args.driver), slot, ...use });
  model.properties.set(id, args);
}

function deviceDel({ devices }: ScriptedModel, args: Json) {
  const id = text(args.id);
  if (devices.has(id)) return;
  throw new ModelRefusal("DeviceNotFound", `Device '${id}' not found`);
}

function setLink({ devices, netdevs }: ScriptedModel, args: Json) {
  const name = text(args.name);
  if (devices.has(name) || netdevs.has(name)) return;
  throw new ModelRefusal("DeviceNotFound", `Device '${name}' not found`);
}

/** Carries a command out; the fd is then the model's or closed. */
export const CHANGES: Record<string, Change> = {
  "getfd": getfd,
  "closefd": closefd,
  "add-fd": addFd,
  "remove-fd": removeFd,
  "blockdev-add": blockdevAdd,
  "blockdev-del": blockdevDel,
  "block_resize": blockResize,
  "netdev_add": netdevAdd,
  "netdev_del": netdevDel,
  "device_add": deviceAdd,
  "device_del": deviceDel,
  "set_link": setLink,
};
