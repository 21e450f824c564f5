/**
 * The instances of this node, with what a person should look at: from their
 * files, and from each QEMU, all asked side by side. A question: it changes
 * nothing.
 *
 * @module
 */

import { HotplugError, messageOf } from "../errors.ts";
import { connectedSockets } from "../host/connected_sockets.ts";
import { findQemu, type QemuProcess } from "../host/process.ts";
import { isStopped } from "../host/process_identity.ts";
import { BLOCK, DEVICE_IDS, RUN_STATE } from "../qmp/commands.ts";
import { ask, askAll } from "../qmp/query.ts";
import { type InstancePaths, instancePaths } from "../state/instance.ts";
import type { Runtime } from "../state/runtime.ts";
import { libcFault } from "../sys/libc.ts";
import { within } from "../sys/pause.ts";
import { attentionOf } from "./attention.ts";
import { expectRuntime } from "./facts.ts";
import { isDown, nothingChanged } from "./failure.ts";
import { listInstances } from "./instances.ts";
import { type MonitorOptions, openMonitor } from "./monitor.ts";
import { runningBeside } from "./running.ts";

/** What became of the question to one QEMU. */
export type Asked =
  | {
    readonly monitor: "answered";
    /** Of `query-status`. */
    readonly runState: string;
    /** Ids of recorded devices that QEMU has not. */
    readonly missing: readonly string[];
  }
  | {
    /**
     * `held`: somebody else is served, who is not disturbed; `silent`: no
     * answer in time, or none that can be understood; `none`: nobody listens;
     * `stopped`: by a signal, so that it was not asked; `unasked`: we cannot.
     */
    readonly monitor: "held" | "silent" | "none" | "stopped" | "unasked";
    /** For a person, undefined if it needs no words. */
    readonly why?: string;
  };

/** One line of the node's instances. */
export interface InstanceSummary {
  /** Its name: that of its runtime file, else of its pid file. */
  readonly instance: string;
  /** Whether its QEMU answers, or Ganeti's pid file leads to one. */
  readonly running: boolean;
  /** Recorded ones, null if there is no runtime file to understand. */
  readonly disks: number | null;
  /** Likewise. */
  readonly nics: number | null;
  /** Run state as QEMU told it, null if it did not. */
  readonly state: string | null;
  /** What became of the question to its QEMU. */
  readonly monitor: Asked["monitor"];
  /** What a person should look at, null if nothing. */
  readonly attention: string | null;
}

/** How the instances are asked. */
export interface ListAllOptions {
  /** All are asked within this time together, in milliseconds. */
  readonly deadlineMs: number;
  /** Sees every message. */
  readonly trace?: MonitorOptions["trace"];
}

/** One instance as its files and processes show it. */
export interface Subject {
  /** Derived from its name. */
  readonly paths: InstancePaths;
  /** The one that Ganeti's pid file leads to. */
  readonly process: QemuProcess | undefined;
  /** Or why there is none. */
  readonly runtime: Runtime | string;
}

/** Of the deadline; the rest is for finding out who holds a monitor. */
const SHARE_OF_ONE = 0.8;

const QUESTIONS = { runState: RUN_STATE, ids: DEVICE_IDS } as const;

function look(runDir: string, name: string): Subject {
  const paths = instancePaths(runDir, name);
  const process = findQemu(paths.pid, name);
  try {
    return { paths, process, runtime: expectRuntime(paths).runtime };
  } catch (error) {
    const missing = error instanceof HotplugError &&
      error.code === "no-such-instance";
    const runtime = missing
      ? `no runtime file: kvm-hotplug adopt ${name} records its devices`
      : messageOf(error);
    return { paths, process, runtime };
  }
}

/** Recorded ids that are no devices, and name no drive of an unnamed one. */
async function missingOf(
  { runtime }: Subject,
  ids: ReadonlySet<string>,
  drives: () => Promise<(id: string) => boolean>,
): Promise<string[]> {
  if (typeof runtime === "string") return [];
  const missing = [...runtime.disks, ...runtime.nics]
    .flatMap(({ hvinfo: { id } }) => id === undefined || ids.has(id) ? [] : id);
  if (missing.length === 0) return [];
  const isDrive = await drives();
  return missing.filter((id) => !isDrive(id));
}

async function question(
  subject: Subject,
  options: MonitorOptions,
): Promise<Asked> {
  using qmp = await openMonitor(subject.paths.qmp, options);
  const { runState, ids } = await askAll(qmp, QUESTIONS);
  const missing = await missingOf(subject, ids, async () => {
    const { servesUnnamed } = await import("../device/backend.ts");
    const block = await ask(qmp, BLOCK);
    return (id) => servesUnnamed(block, id);
  });
  return { monitor: "answered", runState, missing };
}

async function holder(path: string): Promise<Asked | undefined> {
  const { unixSocketHolders } = await import("../sys/sock_diag.ts");
  const { clients, own } = unixSocketHolders(path);
  const served = clients.find(({ state }) => state === "accepted");
  const who = served === undefined
    ? own === "accepted" ? "another request" : undefined
    : `${served.command} (pid ${served.pid})`;
  return who === undefined
    ? undefined
    : { monitor: "held", why: `monitor held by ${who}` };
}

function unanswered(error: unknown, { process }: Subject): Asked {
  if (isDown(error)) {
    const why = process && `cannot be asked: ${messageOf(error)}`;
    return { monitor: "none", ...(why && { why }) };
  }
  const code = error instanceof HotplugError ? error.code : undefined;
  if (code === "monitor-timeout") return { monitor: "silent" };
  const monitor = code === "monitor-busy" ? "held" : "silent";
  return { monitor, why: messageOf(error) };
}

async function askOne(
  subject: Subject,
  held: ReadonlySet<string>,
  options: MonitorOptions,
): Promise<Asked> {
  const { paths, process } = subject;
  if (libcFault() !== undefined) return { monitor: "unasked" };
  if (process !== undefined && isStopped(process.pid)) {
    const why = `QEMU is stopped: kill -CONT ${process.pid}`;
    return { monitor: "stopped", why };
  }
  try {
    // To queue behind them would make `events` give way, and a gap.
    const by = held.has(paths.qmp) ? await holder(paths.qmp) : undefined;
    return by ?? await question(subject, options);
  } catch (error) {
    return unanswered(nothingChanged(error), subject);
  }
}

async function summarize(
  subject: Subject,
  asked: Asked,
): Promise<InstanceSummary> {
  const { paths, process, runtime } = subject;
  const isRead = typeof runtime !== "string";
  const answered = asked.monitor === "answered";
  return {
    instance: paths.name,
    running: process !== undefined || answered,
    disks: isRead ? runtime.disks.length : null,
    nics: isRead ? runtime.nics.length : null,
    state: answered ? asked.runState : null,
    monitor: asked.monitor,
    attention: await attentionOf(subject, asked),
  };
}

/**
 * The instances of this node, by name: those that have a runtime file, and
 * those whose QEMU runs without one. None is waited for longer than the
 * deadline.
 *
 * @throws {HotplugError} `refused` if their directory cannot be read
 */
export async function listAll(
  runDir: string,
  { deadlineMs, trace }: ListAllOptions,
): Promise<InstanceSummary[]> {
  const recorded = listInstances(runDir);
  const names = [...recorded, ...runningBeside(runDir, recorded)].sort();
  const held = connectedSockets();
  const answers: Asked[] = [];
  const options = { timeoutMs: deadlineMs * SHARE_OF_ONE, trace };
  const subjects: Subject[] = [];
  const all = Promise.all(names.map(async (name, i) => {
    const subject = subjects[i] = look(runDir, name);
    answers[i] = await askOne(subject, held, options);
  }));
  // Without libc nobody is asked, and there is no clock to wait by.
  await (libcFault() === undefined ? within(all, deadlineMs) : all);
  return await Promise.all(
    subjects.map((one, i) => summarize(one, answers[i] ?? NO_ANSWER)),
  );
}

const NO_ANSWER: Asked = { monitor: "silent" };
