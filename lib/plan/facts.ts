/**
 * All facts of a plan, read once before any decision.
 *
 * @module
 */

import { dirname } from "@std/path/posix";
import type { PciBus } from "../device/pci_bus.ts";
import { type OwnFacts, readOwnFacts } from "../engine/own_facts.ts";
import { identitiesAt, identityAt } from "../host/identity.ts";
import {
  type NicFiles,
  type NicFolder,
  readNicFiles,
  usableFiles,
} from "../host/nic_file.ts";
import type { QemuProcess } from "../host/process.ts";
import type { BlockBackend, Fdset } from "../qmp/commands.ts";
import type { QmpVersion } from "../qmp/message.ts";
import type { PciDevice } from "../qmp/pci_query.ts";
import { commandLine, type InstancePaths } from "../state/instance.ts";
import {
  emptyContent,
  isRuntimeThere,
  readRuntimeFile,
  type RuntimeContent,
} from "../state/runtime_file.ts";
import { HotplugError, isDenied, isFailure, withDetails } from "../errors.ts";
import type { RecordedDevice } from "../state/runtime.ts";
import { shellWord } from "../state/shell_word.ts";
import { noInstance } from "./instances.ts";
import type { Register } from "./recorded.ts";

/** A network backend. */
export interface NetdevFacts {
  /** Its tap, if it can be seen. */
  readonly tap: string | undefined;
  /** The kernel's number of the tap. @default it cannot be seen */
  readonly ifindex?: number | undefined;
  /** `info network` has a line for each. */
  readonly queues: number;
  /** Id of the NIC that uses it, undefined if none does. */
  readonly nic?: string | undefined;
}

/** The live QEMU. */
export interface QemuFacts {
  /** Its `-name`, empty if it has none. */
  readonly name: string;
  /** From the greeting. */
  readonly version: QmpVersion;
  /** e.g. `pc-i440fx-7.2` */
  readonly machine: string;
  /** The machine's property of that name: `on`, `off`, `auto`. */
  readonly acpi?: string | undefined;
  /** The process, if Ganeti's pid file leads to it. */
  readonly process: QemuProcess | undefined;
  /** From `query-status`. */
  readonly runState: string;
  /** Empty if there was no migration. */
  readonly migration: string;
  /** Their names. */
  readonly commands: ReadonlySet<string>;
  /** Behind bridges, too. */
  readonly pci: readonly PciDevice[];
  /** The root bus, and the buses behind bridges with ids. */
  readonly buses: readonly PciBus[];
  /** Drivers by device id, on any bus. */
  readonly drivers: ReadonlyMap<string, string>;
  /** Ids of all devices, on any bus. */
  readonly deviceIds: ReadonlySet<string>;
  readonly nodeNames: ReadonlySet<string>;
  /** From `query-block`. */
  readonly block: readonly BlockBackend[];
  readonly fdsets: readonly Fdset[];
  /** Network backends by id. */
  readonly netdevs: ReadonlyMap<string, NetdevFacts>;
  /**
   * The answers to further questions of the kinds: {@linkcode KindName.asks}.
   */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Facts for every request on an instance. */
export interface Facts extends NodeFacts {
  /** Asked after the runtime file was read. */
  readonly qemu: QemuFacts;
  /** The tool's own record of this QEMU. */
  readonly own: OwnFacts;
  /** All recorded devices, in the order of the kinds. */
  readonly recorded: readonly RecordedDevice[];
}

/** This node's facts about an instance. */
export type NodeFacts = Readonly<Awaited<ReturnType<typeof readNode>>>;

/**
 * Checks whether an instance has a runtime file, without reading it.
 *
 * @throws {HotplugError} `no-such-instance`
 */
export function expectInstance(paths: InstancePaths): void {
  if (!isRuntimeThere(paths.runtime)) throw noInstance(paths);
}

/**
 * Reads an instance's runtime file, which must exist.
 *
 * @throws {HotplugError} `no-such-instance` | `bad-state-file`
 */
export function expectRuntime(paths: InstancePaths): RuntimeContent {
  try {
    const content = readRuntimeFile(paths.runtime);
    if (content !== undefined) return content;
  } catch (error) {
    if (!isFailure(error, "bad-state-file")) throw error;
    throw withDetails(error, { hint: wayOn(paths) });
  }
  throw noInstance(paths);
}

/** The hint for a broken runtime file. */
function wayOn(paths: InstancePaths): string {
  const { name, runtime } = paths;
  const away = ["mv", runtime, `${runtime}.broken`].map(shellWord).join(" ");
  const adopt = commandLine(paths, "adopt", name);
  return `find out which program wrote it. To make a new file from the running VM, run: ${away} && ${adopt}`;
}

/** The target of a question. */
export interface Target {
  /** The user's word, for messages and documents. */
  readonly label: string;
  /** An instance, or the VM behind a socket, which has no file. */
  readonly kind: "instance" | "socket";
  readonly paths: InstancePaths;
}

/**
 * The runtime file for a question that can be answered without it, too.
 *
 * @returns an empty content, and why, if there is no usable file
 */
export function readRecord(
  { kind, paths }: Omit<Target, "label">,
): { content: RuntimeContent; fault?: HotplugError } {
  const content = emptyContent(paths.runtime);
  if (kind === "socket") return { content };
  try {
    return { content: expectRuntime(paths) };
  } catch (error) {
    // A file that cannot be seen is neither missing nor broken.
    if (!(error instanceof HotplugError) || isDenied(error)) throw error;
    return { content, fault: error };
  }
}

/** An instance's NIC files, if they can be read. */
export function nicFilesOf({ nicDir }: InstancePaths): NicFiles | undefined {
  return nicDir === undefined ? undefined : usableFiles(readNicFiles(nicDir));
}

/** Random text for the name of a new file. */
export function makeNonce(): string {
  const letters = "abcdefghijklmnopqrstuvwxyz0123456789";
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return [...bytes].map((byte) => letters[byte % letters.length]).join("");
}

/** Reads the facts for every request that do not come from QEMU. */
export async function readNode(
  paths: InstancePaths,
  content: RuntimeContent,
) {
  const { nicDir } = paths;
  const folder: NicFolder = nicDir === undefined
    ? { state: "missing" }
    : readNicFiles(nicDir);
  return {
    /** Overrides applied. */
    paths,
    /** Read under the lock. */
    content,
    /**
     * The target of each recorded disk's path, undefined if there is none, or
     * if it does not answer.
     */
    diskIdentities: await identitiesAt(
      content.runtime.disks.map(({ link }) => link),
    ),
    /** Undefined if the instance has no directory for them. */
    nicFiles: usableFiles(folder),
    /** Why NIC files cannot be written, undefined if they can. */
    nicFilesFault: folder.state === "unusable" ? folder.why : undefined,
    /** Whether the parent directory of Ganeti's NIC directories exists. */
    nicDirectoryPossible: folder.state === "there" ||
      nicDir !== undefined && await identityAt(dirname(nicDir)) !== undefined,
    /** Random text for new names. */
    nonce: makeNonce(),
  };
}

/** All facts, once QEMU has answered. */
export async function completeFacts(
  node: NodeFacts,
  qemu: QemuFacts,
  { loadNotes, recorded }: Register,
): Promise<Facts> {
  const own = await readOwnFacts(node.paths, qemu.process, loadNotes);
  return { ...node, qemu, own, recorded: recorded(node.content.runtime) };
}

/**
 * The backend of a NIC: the backend that names the NIC; for a NIC that is gone,
 * the backend of the same name, as Ganeti names them (SPEC 3.1).
 */
export function netdevOf(
  { netdevs }: Pick<QemuFacts, "netdevs">,
  id: string,
): { readonly id: string; readonly facts: NetdevFacts } | undefined {
  for (const [name, facts] of netdevs) {
    if (facts.nic === id) return { id: name, facts };
  }
  const named = netdevs.get(id);
  return named && named.nic === undefined ? { id, facts: named } : undefined;
}
