/**
 * What mending the links of an instance's disks depends on.
 *
 * @module
 */

import { basename, dirname, join } from "@std/path/posix";
import { type DiskLinks, readDiskLinks } from "../host/disk_link.ts";
import { identityAt } from "../host/identity.ts";
import { findQemu, type QemuProcess } from "../host/process.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";
import type { DriftFacts } from "../disk/drift.ts";
import { makeNonce } from "../plan/facts.ts";
import { readDriftFacts } from "./facts_drift.ts";
import type { LinksMend } from "./request.ts";

/** What mending links depends on. */
export interface LinksFacts {
  /** Of the instance. */
  readonly paths: InstancePaths;
  /** Fresh: read under the lock. */
  readonly content: RuntimeContent;
  /** Random text for names that must not exist yet. */
  readonly nonce: string;
  /** QEMU's process, if Ganeti's pid file leads to it. */
  readonly process: QemuProcess | undefined;
  /** Where the recorded links lead, and what QEMU has open. */
  readonly drift: DriftFacts;
  /** Absolute path of `instance-disks`. */
  readonly directory: string;
  /** For each recorded disk: the folder its link is said to lie in, if it is
   * one of Ganeti's links for this instance. */
  readonly folders: readonly (string | undefined)[];
  /** What the links of the wanted names say. */
  readonly there: DiskLinks;
  /** What they lead to: `identityOf`. */
  readonly leadTo: Readonly<Record<string, string | undefined>>;
}

/** The name of an instance's link to the disk at this place. */
export function linkName(instance: string, index: number): string {
  return `${instance}:${index}`;
}

/** Reads what mending depends on. Undefined: Ganeti has no links here. */
export function readLinksFacts(
  paths: InstancePaths,
  content: RuntimeContent,
  { order }: LinksMend,
): LinksFacts | undefined {
  const directory = `${paths.runDir}/instance-disks`;
  const place = identityAt(directory);
  if (place === undefined) return undefined;
  const prefix = linkName(paths.name, 0).slice(0, -1);
  const folders = content.runtime.disks.map(({ link }) => {
    if (link === null) return undefined;
    const name = basename(link);
    const ours = name.startsWith(prefix) &&
      /^\d+$/.test(name.slice(prefix.length)) &&
      // The file says /var/run, where /run may be meant.
      identityAt(dirname(link)) === place;
    return ours ? dirname(link) : undefined;
  });
  const names = order.map((_, index) => linkName(paths.name, index));
  const process = findQemu(paths.pid, paths.name);
  return {
    paths,
    content,
    nonce: makeNonce(),
    process,
    drift: readDriftFacts(content.runtime.disks, { process }),
    directory,
    folders,
    there: readDiskLinks(directory, names),
    leadTo: Object.fromEntries(
      names.map((name) => [name, identityAt(join(directory, name))]),
    ),
  };
}
