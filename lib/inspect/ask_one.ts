/**
 * Asking one QEMU among many, which may answer or not.
 *
 * @module
 */

import { named, type Remark, remark, remarkOf } from "../errors.ts";
import type { QemuProcess } from "../host/process.ts";
import { isStopped } from "../host/process_identity.ts";
import {
  BLOCK,
  type BlockBackend,
  DEVICE_IDS,
  RUN_STATE,
} from "../qmp/commands.ts";
import { ask, askAll } from "../qmp/query.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { Runtime } from "../state/runtime.ts";
import { libcFault } from "../sys/libc.ts";
import { isDown, nothingChanged } from "../monitor/failure.ts";
import { type MonitorOptions, openMonitor } from "../monitor/monitor.ts";
import { comparePresence } from "../compare/whole.ts";
import type { Difference } from "../plan/difference.ts";
import { readRecord } from "../plan/facts.ts";
import { lookWhole } from "./look_whole.ts";

/** What became of the question to one QEMU. */
export type Asked =
  | {
    readonly monitor: "answered";
    /** Of `query-status`. */
    readonly runState: string;
    /** As deep as was looked. */
    readonly differences: readonly Difference[];
  }
  | {
    /**
     * `held`: somebody else is served, who is not disturbed; `silent`: let in
     * or queued, and no answer in time or none that can be understood; `none`:
     * nobody listens; `stopped`: by a signal, so that it was not asked;
     * `unasked`: we cannot.
     */
    readonly monitor: "held" | "silent" | "none" | "stopped" | "unasked";
    /** Undefined if it needs no words. */
    readonly why?: Remark;
    /** Whether only root can ask it. @default false */
    readonly isDenied?: boolean;
  };

/** One instance as its files and processes show it. */
export interface Subject {
  /** Derived from its name. */
  readonly paths: InstancePaths;
  /** The one that Ganeti's pid file leads to. */
  readonly process: QemuProcess | undefined;
  /** Or why there is none. */
  readonly runtime: Runtime | Remark;
}

/** How deep to look: `presence` asks only whether QEMU has the devices. */
export type Depth = "presence" | "whole";

const QUESTIONS = { runState: RUN_STATE, ids: DEVICE_IDS } as const;
/** Let in or queued, and no answer in time. */
export const SILENT: Asked = { monitor: "silent" };

async function question(
  subject: Subject,
  options: MonitorOptions & { readonly compared: Depth },
): Promise<Asked> {
  const { paths } = subject;
  using qmp = await openMonitor(paths.qmp, options);
  const record = { kind: "instance", paths } as const;
  if (options.compared === "whole") {
    const { content } = readRecord(record);
    const { qemu, differences } = await lookWhole(qmp, { paths, content });
    return { monitor: "answered", runState: qemu.runState, differences };
  }
  const { runState, ids } = await askAll(qmp, QUESTIONS);
  const compare = (runtime: Runtime, block: readonly BlockBackend[]) =>
    comparePresence(runtime, { deviceIds: ids, block }, paths);
  const { runtime } = subject;
  const differs = !("code" in runtime) && compare(runtime, []).length > 0;
  // Only a device that is missing can be one without an id. And the file may
  // be another by now: somebody may have worked while we were not let in.
  const differences = differs
    ? compare(readRecord(record).content.runtime, await ask(qmp, BLOCK))
    : [];
  return { monitor: "answered", runState, differences };
}

function unanswered(error: unknown, { process }: Subject): Asked {
  if (isDown(error)) {
    const why = process && remarkOf(error);
    return { monitor: "none", ...(why && { why }) };
  }
  const fault = named(error);
  const why = remarkOf(fault);
  switch (fault.code) {
    case "monitor-timeout":
      return SILENT;
    case "permission-denied":
      return { monitor: "unasked", why, isDenied: true };
    // No descriptor was left for the question.
    case "busy":
      return { monitor: "unasked", why };
  }
  return { monitor: "silent", why };
}

/**
 * Asks one QEMU.
 *
 * @returns what became of it, whatever that is
 */
export async function askOne(
  subject: Subject,
  options: MonitorOptions & { readonly compared: Depth },
): Promise<Asked> {
  try {
    return await question(subject, options);
  } catch (error) {
    return unanswered(nothingChanged(error), subject);
  }
}

/** What a person is told of a QEMU that was stopped by a signal. */
export function stopped(process: QemuProcess | undefined): Remark | undefined {
  if (process === undefined || !isStopped(process.pid)) return undefined;
  const hint = `kill -CONT ${process.pid}`;
  return remark("stopped", "QEMU is stopped", { hint });
}

/** What is so without a question; undefined: it can be asked. */
export function unaskable({ process }: Subject): Asked | undefined {
  if (libcFault() !== undefined) return { monitor: "unasked" };
  const why = stopped(process);
  return why && { monitor: "stopped", why };
}
