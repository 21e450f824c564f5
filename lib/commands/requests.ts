/**
 * From a command line to a Request: every word checked, nothing of this node
 * looked at.
 *
 * @module
 */

import * as check from "../words/values.ts";
import { deviceWord, diskAdd, diskResize, diskSet } from "../disk/words.ts";
import type { Reach } from "../engine/options.ts";
import { nicAdd, nicModify } from "../nic/words.ts";
import type { Request } from "../operation/request.ts";
import { checkInstanceName, defaultRunDir } from "../state/instance.ts";
import type { Invocation } from "../words/options.ts";
import { absolute, option, path } from "../words/request_words.ts";

/** The instance a command names; undefined if it names none. */
export function instanceOf(invocation: Invocation): string | undefined {
  const name = invocation.operands[0];
  return name === undefined ? undefined : checkInstanceName(name);
}

/**
 * The request a command line makes.
 *
 * @throws {HotplugError} `usage` | `unsupported`
 * @throws {TypeError} if the command is none that changes an instance
 */
export function requestOf(invocation: Invocation): Request {
  const instance = instanceOf(invocation) ?? "";
  const second = invocation.operands[1] ?? "";
  const forced = invocation.flags.has("force");
  switch (invocation.command?.name) {
    case "disk add":
      return diskAdd(invocation, instance, second);
    case "disk remove":
      return {
        kind: "disk-remove",
        instance,
        device: deviceWord(second),
        bootDisk: forced ? "forced" : "kept",
        ...(forced ? { unrecorded: "forced" } : {}),
      };
    case "disk resize":
      return diskResize(invocation, instance);
    case "disk set":
      return diskSet(invocation, instance);
    case "nic add":
      return nicAdd(invocation, instance);
    case "nic modify":
      return nicModify(invocation, instance, deviceWord(second));
    case "state upgrade":
      return { kind: "state-upgrade", instance };
    case "nic remove":
      return {
        kind: "nic-remove",
        instance,
        device: deviceWord(second),
        ...(forced ? { unrecorded: "forced" } : {}),
      };
    case "adopt":
      return { kind: "adopt", instance };
  }
  throw new TypeError(`no change: ${invocation.command?.name}`);
}

/** How the instance is to be reached, from the global options. */
export function reachOf(
  invocation: Invocation,
  env: (name: string) => string | undefined,
): Reach {
  const seconds = (name: string, min: number) =>
    option(invocation, name, (word) => check.secondsAsMs(word, { min }));
  return {
    runDir: option(invocation, "run-dir", path) ??
      absolute(defaultRunDir(env)),
    qmp: option(invocation, "qmp", path),
    state: option(invocation, "state", path),
    timeoutMs: seconds("timeout", 0.001) ?? 5_000,
    unplugTimeoutMs: seconds("unplug-timeout", 0) ?? 30_000,
    lockTimeoutMs: seconds("lock-timeout", 0) ?? 10_000,
  };
}
