/**
 * Everything a plan depends on, read once before anything is decided.
 *
 * @module
 */

import { dirname } from "@std/path";
import { HotplugError } from "../errors.ts";
import { ganetiScript, isProgram } from "../host/network.ts";
import { type NicFiles, readNicFiles, usableFiles } from "../host/nic_file.ts";
import {
  findQemu,
  type QemuProcess,
  qemuWithPid,
  tapBehind,
} from "../host/process.ts";
import { identityAt, inspectSource, type Source } from "../host/source.ts";
import { interfaceExists, isBridge, tapSupport } from "../host/tap.ts";
import type { QmpSession } from "../qmp/client.ts";
import {
  type BlockBackend,
  type Fdset,
  type PciDevice,
  queryBlock,
  queryCommands,
  queryDeviceIds,
  queryFdsets,
  queryIothreads,
  queryMachine,
  queryMigration,
  queryName,
  queryNetdevs,
  queryNodeNames,
  queryPci,
  queryRunState,
} from "../qmp/commands.ts";
import type { QmpVersion } from "../qmp/message.ts";
import { type InstancePaths, runtimeDir } from "../state/instance.ts";
import { readRuntimeFile, type RuntimeContent } from "../state/runtime_file.ts";
import type { DiskAdd, NicAdd } from "./request.ts";

/** A network backend. */
export interface NetdevFacts {
  /** The tap behind it, if that can be seen. */
  readonly tap: string | undefined;
  readonly queues: number;
}

/** The live QEMU. */
export interface QemuFacts {
  /** Its `-name`, empty if it has none. */
  readonly name: string;
  readonly version: QmpVersion;
  /** e.g. `pc-i440fx-7.2` */
  readonly machine: string;
  /** The process, if Ganeti's pid file leads to it. */
  readonly process: QemuProcess | undefined;
  readonly runState: string;
  /** Empty if there was no migration. */
  readonly migration: string;
  readonly commands: ReadonlySet<string>;
  readonly pci: readonly PciDevice[];
  /** Ids of all devices, on any bus. */
  readonly deviceIds: ReadonlySet<string>;
  readonly nodeNames: ReadonlySet<string>;
  readonly block: readonly BlockBackend[];
  readonly fdsets: readonly Fdset[];
  /** Network backends by id. */
  readonly netdevs: ReadonlyMap<string, NetdevFacts>;
}

/** What every request on an instance depends on. */
export interface Facts {
  readonly paths: InstancePaths;
  readonly content: RuntimeContent;
  readonly qemu: QemuFacts;
  /** What each recorded disk's path leads to, undefined if nowhere. */
  readonly diskIdentities: readonly (string | undefined)[];
  /** Undefined if the instance has no directory for them. */
  readonly nicFiles: NicFiles | undefined;
  /** Why NIC files cannot be written, undefined if they can. */
  readonly nicFilesFault: string | undefined;
  /** Whether Ganeti's place for such directories is there. */
  readonly nicDirectoryPossible: boolean;
  /** Random text for names that must not exist yet. */
  readonly nonce: string;
}

/** What adding a disk depends on. */
export interface DiskAddFacts extends Facts {
  readonly source: Source;
  /** Asked for only if the request names one. */
  readonly iothreads: ReadonlySet<string>;
}

/** What adding a NIC depends on. */
export interface NicAddFacts extends Facts {
  readonly tun: boolean;
  readonly vhost: boolean;
  readonly tapExists: boolean;
  readonly bridgeExists: boolean;
  readonly ganetiScript: string | undefined;
  /** Whether the script that was asked for can be run. */
  readonly scriptUsable: boolean;
  /** MACs of this node's instances, lower case, to the instance. */
  readonly macs: ReadonlyMap<string, string>;
}

/** The VM's process: by Ganeti's pid file, else by who serves the socket. */
function findProcess(
  qmp: QmpSession,
  name: string,
  paths: InstancePaths,
): QemuProcess | undefined {
  return findQemu(paths.pid, paths.name) ?? qemuWithPid(qmp.peer().pid, name);
}

/** Asks a live QEMU for everything that matters. */
export async function readQemu(
  qmp: QmpSession,
  paths: InstancePaths,
): Promise<QemuFacts> {
  const name = await queryName(qmp);
  const process = findProcess(qmp, name, paths);
  const netdevs = new Map<string, NetdevFacts>();
  for (const [id, { fd, queues }] of await queryNetdevs(qmp)) {
    const known = process !== undefined && fd !== undefined;
    const tap = known ? tapBehind(process.pid, fd) : undefined;
    netdevs.set(id, { tap, queues });
  }
  return {
    name,
    version: qmp.version,
    machine: await queryMachine(qmp),
    process,
    runState: await queryRunState(qmp),
    migration: await queryMigration(qmp),
    commands: await queryCommands(qmp),
    pci: await queryPci(qmp),
    deviceIds: await queryDeviceIds(qmp),
    nodeNames: await queryNodeNames(qmp),
    block: await queryBlock(qmp),
    fdsets: await queryFdsets(qmp),
    netdevs,
  };
}

/**
 * Reads an instance's runtime file, which must exist.
 *
 * @throws {HotplugError} `no-such-instance` | `bad-state-file`
 */
export function expectRuntime(paths: InstancePaths): RuntimeContent {
  const content = readRuntimeFile(paths.runtime);
  if (content !== undefined) return content;
  throw new HotplugError(
    "no-such-instance",
    `No instance ${paths.name} on this node: there is no runtime file ${paths.runtime}`,
    { hint: "list shows the instances of this node" },
  );
}

function makeNonce(): string {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return [...bytes].map((byte) => letters[byte % letters.length]).join("");
}

/** Reads the facts that every request depends on. */
export async function readFacts(
  paths: InstancePaths,
  content: RuntimeContent,
  qmp: QmpSession,
): Promise<Facts> {
  const folder = readNicFiles(paths.nicDir);
  return {
    paths,
    content,
    qemu: await readQemu(qmp, paths),
    diskIdentities: content.runtime.disks.map(({ link }) =>
      link === null ? undefined : identityAt(link)
    ),
    nicFiles: usableFiles(folder),
    nicFilesFault: folder.state === "unusable" ? folder.why : undefined,
    nicDirectoryPossible: identityAt(dirname(paths.nicDir)) !== undefined,
    nonce: makeNonce(),
  };
}

/** Adds what plugging a disk depends on. */
export async function readDiskAddFacts(
  facts: Facts,
  request: DiskAdd,
  qmp: QmpSession,
): Promise<DiskAddFacts> {
  const iothreads = request.iothread === undefined
    ? new Set<string>()
    : await queryIothreads(qmp);
  return { ...facts, source: await inspectSource(request.source), iothreads };
}

function readMacs(runDir: string): Map<string, string> {
  const macs = new Map<string, string>();
  for (const instance of listInstances(runDir)) {
    try {
      const path = `${runtimeDir(runDir)}/${instance}.runtime`;
      for (const nic of readRuntimeFile(path)?.runtime.nics ?? []) {
        if (nic.mac !== undefined) macs.set(nic.mac.toLowerCase(), instance);
      }
    } catch (error) {
      // Another instance's broken file is no reason to refuse this one.
      if (!(error instanceof HotplugError)) throw error;
    }
  }
  return macs;
}

/** Names of the instances that have a runtime file. */
export function listInstances(runDir: string): string[] {
  try {
    return [...Deno.readDirSync(runtimeDir(runDir))]
      .flatMap(({ name }) => /^(.+)\.runtime$/.exec(name)?.[1] ?? [])
      .sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    if (error instanceof Deno.errors.NotADirectory) return [];
    throw error;
  }
}

/** Adds what plugging a NIC depends on. */
export function readNicAddFacts(facts: Facts, request: NicAdd): NicAddFacts {
  const macs = readMacs(facts.paths.runDir);
  for (const nic of facts.content.runtime.nics) {
    if (nic.mac !== undefined) {
      macs.set(nic.mac.toLowerCase(), facts.paths.name);
    }
  }
  return {
    ...facts,
    ...tapSupport(),
    tapExists: request.tap !== undefined && interfaceExists(request.tap),
    bridgeExists: request.link !== undefined && isBridge(request.link),
    ganetiScript: ganetiScript(),
    scriptUsable: request.script !== undefined && isProgram(request.script),
    macs,
  };
}
