/**
 * Everything a plan depends on, read once before anything is decided.
 *
 * @module
 */

import { dirname } from "@std/path/posix";
import { HotplugError, messageOf, refuse } from "../errors.ts";
import {
  type NicFiles,
  type NicFolder,
  readNicFiles,
  usableFiles,
} from "../host/nic_file.ts";
import {
  findQemu,
  type QemuProcess,
  qemuWithPid,
  tapBehind,
} from "../host/process.ts";
import { identityAt } from "../host/identity.ts";
import type { QmpSession } from "../qmp/client.ts";
import {
  BLOCK,
  type BlockBackend,
  COMMANDS,
  DEVICE_IDS,
  type Fdset,
  FDSETS,
  MACHINE,
  MIGRATION,
  NAME,
  NETDEVS,
  NODE_NAMES,
  PCI,
  type PciDevice,
  RUN_STATE,
} from "../qmp/commands.ts";
import { askAll } from "../qmp/query.ts";
import { type OwnFacts, readOwnFacts } from "./facts_own.ts";
import type { QmpVersion } from "../qmp/message.ts";
import {
  type InstancePaths,
  isInstanceName,
  runtimeDir,
} from "../state/instance.ts";
import { readRuntimeFile, type RuntimeContent } from "../state/runtime_file.ts";

/** A network backend. */
export interface NetdevFacts {
  /** The tap behind it, if that can be seen. */
  readonly tap: string | undefined;
  /** `info network` has a line for each. */
  readonly queues: number;
}

/** The live QEMU. */
export interface QemuFacts {
  /** Its `-name`, empty if it has none. */
  readonly name: string;
  /** Of the greeting. */
  readonly version: QmpVersion;
  /** e.g. `pc-i440fx-7.2` */
  readonly machine: string;
  /** The process, if Ganeti's pid file leads to it. */
  readonly process: QemuProcess | undefined;
  /** Of `query-status`. */
  readonly runState: string;
  /** Empty if there was no migration. */
  readonly migration: string;
  /** Their names. */
  readonly commands: ReadonlySet<string>;
  /** Behind bridges, too. */
  readonly pci: readonly PciDevice[];
  /** Ids of all devices, on any bus. */
  readonly deviceIds: ReadonlySet<string>;
  /** Block nodes. */
  readonly nodeNames: ReadonlySet<string>;
  /** Of `query-block`. */
  readonly block: readonly BlockBackend[];
  /** Their ids are taken. */
  readonly fdsets: readonly Fdset[];
  /** Network backends by id. */
  readonly netdevs: ReadonlyMap<string, NetdevFacts>;
}

/** What every request on an instance depends on. */
export interface Facts {
  /** Overrides applied. */
  readonly paths: InstancePaths;
  /** Fresh: read under the lock. */
  readonly content: RuntimeContent;
  /** Asked after `content` was read. */
  readonly qemu: QemuFacts;
  /** What each recorded disk's path leads to, undefined if nowhere. */
  readonly diskIdentities: readonly (string | undefined)[];
  /** Undefined if the instance has no directory for them. */
  readonly nicFiles: NicFiles | undefined;
  /** Why NIC files cannot be written, undefined if they can. */
  readonly nicFilesFault: string | undefined;
  /** Whether Ganeti's place for such directories is there. */
  readonly nicDirectoryPossible: boolean;
  /** The tool's own record. */
  readonly own: OwnFacts;
  /** Random text for names that must not exist yet. */
  readonly nonce: string;
}

/** The VM's process: by Ganeti's pid file, else by who serves the socket. */
function findProcess(
  qmp: QmpSession,
  name: string,
  paths: InstancePaths,
): QemuProcess | undefined {
  const peer = () => qemuWithPid(qmp.peer().pid, name);
  const filed = () => findQemu(paths.pid, paths.name);
  if (paths.isDerived) return filed() ?? peer();
  return peer() ?? (name === paths.name ? filed() : undefined);
}

/** All that is asked of QEMU, in one go. */
const QUESTIONS = {
  name: NAME,
  machine: MACHINE,
  runState: RUN_STATE,
  migration: MIGRATION,
  commands: COMMANDS,
  pci: PCI,
  deviceIds: DEVICE_IDS,
  nodeNames: NODE_NAMES,
  block: BLOCK,
  fdsets: FDSETS,
  netdevs: NETDEVS,
} as const;

/** Asks a live QEMU for everything that matters. */
export async function readQemu(
  qmp: QmpSession,
  paths: InstancePaths,
): Promise<QemuFacts> {
  const answers = await askAll(qmp, QUESTIONS);
  const process = findProcess(qmp, answers.name, paths);
  const netdevs = new Map<string, NetdevFacts>();
  for (const [id, { fd, queues }] of answers.netdevs) {
    const known = process !== undefined && fd !== undefined;
    const tap = known ? tapBehind(process.pid, fd) : undefined;
    netdevs.set(id, { tap, queues });
  }
  return { ...answers, version: qmp.version, process, netdevs };
}

/**
 * Reads an instance's runtime file, which must exist.
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
  const { nicDir } = paths;
  const qemu = await readQemu(qmp, paths);
  const folder: NicFolder = nicDir === undefined
    ? { state: "missing" }
    : readNicFiles(nicDir);
  return {
    paths,
    content,
    qemu,
    own: await readOwnFacts(paths, qemu.process),
    diskIdentities: content.runtime.disks.map(({ link }) =>
      link === null ? undefined : identityAt(link)
    ),
    nicFiles: usableFiles(folder),
    nicFilesFault: folder.state === "unusable" ? folder.why : undefined,
    nicDirectoryPossible: nicDir !== undefined &&
      identityAt(dirname(nicDir)) !== undefined,
    nonce: makeNonce(),
  };
}

/**
 * Names of the instances that have a runtime file.
 *
 * @throws {HotplugError} `refused` if the directory cannot be read
 */
export function listInstances(runDir: string): string[] {
  const directory = runtimeDir(runDir);
  try {
    return [...Deno.readDirSync(directory)]
      .flatMap(({ name }) => /^(.+)\.runtime$/.exec(name)?.[1] ?? [])
      .filter(isInstanceName)
      .sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw refuse(`Cannot read ${directory}: ${messageOf(error)}`);
  }
}
