/**
 * What adding a NIC depends on besides the instance.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { type Confinement, readConfinement } from "../host/confinement.ts";
import { ganetiScript, isProgram } from "../host/network.ts";
import { interfaceExists, isBridge, tapSupport } from "../host/tap.ts";
import { runtimeDir } from "../state/instance.ts";
import { readRuntimeFile } from "../state/runtime_file.ts";
import { type Facts, listInstances } from "./facts.ts";
import type { NicAdd } from "./request.ts";

/** What adding a NIC depends on. */
export interface NicAddFacts extends Facts {
  /** /dev/net/tun is there. */
  readonly tun: boolean;
  /** /dev/vhost-net is there. */
  readonly vhost: boolean;
  /** The name asked for is taken. */
  readonly tapExists: boolean;
  /** The link is a bridge. */
  readonly bridgeExists: boolean;
  /** If installed. */
  readonly ganetiScript: string | undefined;
  /** Whether the script that was asked for can be run. */
  readonly scriptUsable: boolean;
  /** Undefined if QEMU's process is unknown. */
  readonly confinement: Confinement | undefined;
  /** MACs of this node's instances, lower case, to the instance. */
  readonly macs: ReadonlyMap<string, string>;
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
    confinement: facts.qemu.process && readConfinement(facts.qemu.process),
    macs,
  };
}
