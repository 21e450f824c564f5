/**
 * Asks one QEMU among many, which may answer or not.
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
import type { QmpSession } from "../qmp/client.ts";
import { ask, askAll } from "../qmp/query.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { Runtime } from "../state/runtime.ts";
import { libcFault } from "../sys/libc.ts";
import { isDown, nothingChanged } from "../monitor/failure.ts";
import {
  type MonitorOptions,
  openInstanceMonitor,
} from "../monitor/monitor.ts";
import { comparePresence } from "../compare/whole.ts";
import type { Difference } from "../plan/difference.ts";
import { BUS_QUESTIONS, readBuses } from "../plan/ask_qemu.ts";
import { type QemuFacts, readRecord } from "../plan/facts.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";
import { lookWhole, type WholeLook } from "./look_whole.ts";

/** The result of the question to one QEMU. */
export type Asked =
  | {
    readonly monitor: "answered";
    /** From `query-status`. */
    readonly runState: string;
    /** By the depth of the question. */
    readonly differences: readonly Difference[];
    /** The PCI buses. @default not asked */
    readonly buses?: Pick<QemuFacts, "pci" | "buses">;
    /** All that was seen. @default only presence was asked */
    readonly look?: WholeLook & { readonly content: RuntimeContent };
  }
  | {
    /**
     * `held`: QEMU serves another client, which is not disturbed; `silent`:
     * connected or queued, but no answer in time or no valid answer; `none`: no
     * process listens; `stopped`: by a signal, so it was not asked; `unasked`:
     * we cannot ask.
     */
    readonly monitor: "held" | "silent" | "none" | "stopped" | "unasked";
    /** Undefined if it needs no explanation. */
    readonly why?: Remark;
    /** Whether only root can ask it. @default false */
    readonly isDenied?: boolean;
  };

/** One instance by its files and processes. */
export interface Subject {
  /** Derived from its name. */
  readonly paths: InstancePaths;
  /** The process of Ganeti's pid file. */
  readonly process: QemuProcess | undefined;
  /** Or why there is none. */
  readonly runtime: Runtime | Remark;
}

/** The depth: `presence` asks only whether QEMU has the devices. */
export type Depth = "presence" | "whole";

/** What one QEMU is asked. */
export interface Question {
  readonly compared: Depth;
  /** `wanted`: the PCI buses, too. @default only if all is compared */
  readonly buses?: "wanted";
}

const QUESTIONS = { runState: RUN_STATE, ids: DEVICE_IDS } as const;
/** Connected or queued, but no answer in time. */
export const SILENT: Asked = { monitor: "silent" };

async function question(
  subject: Subject,
  options: MonitorOptions & Question,
): Promise<Asked> {
  const { paths } = subject;
  using qmp = await openInstanceMonitor(paths, options);
  const record = { kind: "instance", paths } as const;
  const monitor = "answered";
  if (options.compared === "whole") {
    const { content } = readRecord(record);
    const look = await lookWhole(qmp, { paths, content });
    const { qemu: { runState, pci, buses }, differences } = look;
    return {
      ...{ monitor, runState, differences, buses: { pci, buses } },
      look: { ...look, content },
    };
  }
  const { runState, ids, buses } = await askPresence(qmp, options);
  const compare = (runtime: Runtime, block: readonly BlockBackend[]) =>
    comparePresence(runtime, { deviceIds: ids, block }, paths);
  const { runtime } = subject;
  const differs = !("code" in runtime) && compare(runtime, []).length > 0;
  // Only a missing device can be a device without an id. And the file may have
  // changed: another call may have worked while we waited.
  const differences = differs
    ? compare(readRecord(record).content.runtime, await ask(qmp, BLOCK))
    : [];
  return { monitor, runState, differences, ...(buses && { buses }) };
}

/** All at once; a machine with bridges is asked about them afterwards. */
async function askPresence(qmp: QmpSession, { buses }: Question) {
  if (buses === undefined) {
    return { ...await askAll(qmp, QUESTIONS), buses };
  }
  const told = await askAll(qmp, { ...QUESTIONS, ...BUS_QUESTIONS });
  const { runState, ids, pci } = told;
  return { runState, ids, buses: { pci, buses: await readBuses(told, qmp) } };
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
 * @returns the result, in every case
 */
export async function askOne(
  subject: Subject,
  options: MonitorOptions & Question,
): Promise<Asked> {
  try {
    return await question(subject, options);
  } catch (error) {
    return unanswered(nothingChanged(error), subject);
  }
}

/** The remark about a QEMU that was stopped by a signal. */
export function stopped(process: QemuProcess | undefined): Remark | undefined {
  if (process === undefined || !isStopped(process.pid)) return undefined;
  const hint = `kill -CONT ${process.pid}`;
  return remark("stopped", "QEMU is stopped", { hint });
}

/** The result without a question; undefined: it can be asked. */
export function unaskable({ process }: Subject): Asked | undefined {
  if (libcFault() !== undefined) return { monitor: "unasked" };
  const why = stopped(process);
  return why && { monitor: "stopped", why };
}
