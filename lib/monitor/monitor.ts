/**
 * Connects to an instance's QEMU, and reports the true reason if this fails.
 *
 * @module
 */

import {
  HotplugError,
  isFailure,
  messageOf,
  permissionDenied,
  withDetails,
} from "../errors.ts";
import { findQemu } from "../host/process.ts";
import { isStopped } from "../host/process_identity.ts";
import { QmpSession } from "../qmp/client.ts";
import type { EventLog } from "../qmp/event_log.ts";
import {
  QmpError,
  QmpNoGreetingError,
  QmpTimeoutError,
} from "../qmp/errors.ts";
import type { QmpTrace } from "../qmp/session_options.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { WaitListener } from "../state/waiting.ts";
import { SysError } from "../sys/errno.ts";
import { within } from "../sys/pause.ts";
import { type UnixSocketHolders, unixSocketHolders } from "../sys/sock_diag.ts";
import { unreachable } from "./failure.ts";
import { askForMonitor, relay } from "./relay.ts";

/** Options of a monitor session. */
export interface MonitorOptions {
  /** Longest wait for one reply, in milliseconds. */
  readonly timeoutMs: number;
  /** Gets every message of the session. */
  readonly trace?: QmpTrace | undefined;
  /** Called about every second of the wait for the monitor. */
  readonly waiting?: WaitListener | undefined;
  /** Ends this wait within a second, if `waiting` is given. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The run directory, where followers of events are told that a client waits,
   * and what events it got.
   *
   * @default none
   */
  readonly runDir?: string | undefined;
  /**
   * Finds the holders of a silent monitor.
   *
   * @default a look at all processes, which blocks the event loop
   */
  readonly holdersOf?: (path: string) => UnixSocketHolders;
}

function notRunning(path: string, why: string, cause: unknown): HotplugError {
  return new HotplugError(
    "not-running",
    `Cannot ask QEMU: ${why} at ${path}`,
    {
      cause,
      hint: "check that the VM is running and that this is its QMP socket",
    },
  );
}

function noGreeting(
  path: string,
  error: QmpNoGreetingError,
  { clients, own }: UnixSocketHolders,
): HotplugError {
  const holders = clients.filter(({ state }) => state === "accepted");
  if (holders.length > 0) {
    const names = holders.map(({ pid, command }) => `${command} (pid ${pid})`);
    return new HotplugError(
      "monitor-busy",
      `The QMP monitor at ${path} is held by ${names.join(", ")}`,
      {
        cause: error,
        hint: "QEMU serves one client at a time: end the other client, or wait",
      },
    );
  }
  if (own === "accepted") {
    // QEMU greets a client that it accepts: this is a program in front of QEMU.
    return new HotplugError(
      "monitor-busy",
      `The QMP monitor at ${path} does not answer: it accepted the connection, but ${error.message}`,
      {
        cause: error,
        hint: "a proxy may own the socket and serve another client",
      },
    );
  }
  return new HotplugError(
    "monitor-timeout",
    `QEMU does not answer at ${path}: ${error.message}, and no other client is connected`,
    {
      cause: error,
      hint: "check whether QEMU is stopped (SIGSTOP) or the node is overloaded",
    },
  );
}

function explain(path: string, error: unknown): unknown {
  if (error instanceof QmpTimeoutError) return unreachable(error);
  if (error instanceof QmpError) {
    return notRunning(path, messageOf(error), error);
  }
  if (!(error instanceof SysError)) return error;
  switch (error.code) {
    case "ENOENT":
    case "ENOTDIR":
      return notRunning(path, "there is no QMP socket", error);
    case "ECONNREFUSED":
      return notRunning(path, "no program listens on the socket", error);
    case "ENOTSOCK":
      return notRunning(path, "the file is not a socket", error);
    case "EACCES":
    case "EPERM":
      // The VM may run: its state is unknown.
      return permissionDenied(`Cannot ask QEMU at ${path}`, error);
  }
  return notRunning(path, error.message, error);
}

/**
 * Opens a session with an instance's QEMU; the caller owns it.
 *
 * @throws {HotplugError} `not-running`, `monitor-busy` with the holder of the
 * monitor, `monitor-timeout`, or `permission-denied`
 */
export async function openMonitor(
  path: string,
  options: MonitorOptions,
): Promise<QmpSession> {
  const find = options.holdersOf ?? unixSocketHolders;
  let holders: UnixSocketHolders | undefined;
  const onSilence = () => {
    holders = find(path);
  };
  try {
    const { runDir } = options;
    const followers = runDir === undefined ? {} : {
      onWait: () => askForMonitor({ qmp: path, runDir }),
      onLeave: (log: EventLog) => relay({ qmp: path, runDir }, log.all()),
    };
    const opening = QmpSession.open(path, {
      ...{ ...options, onSilence },
      ...followers,
    });
    if (options.waiting === undefined) return await opening;
    return await openVisibly(opening, path, options);
  } catch (error) {
    if (error instanceof QmpNoGreetingError) {
      throw noGreeting(path, error, holders ?? find(path));
    }
    throw explain(path, error);
  }
}

/**
 * The same for an instance. Of a QEMU that a signal has stopped, the error has
 * the command that resumes it.
 */
export async function openInstanceMonitor(
  { qmp, pid, name, isDerived }: Pick<
    InstancePaths,
    "qmp" | "pid" | "name" | "isDerived"
  >,
  options: MonitorOptions,
): Promise<QmpSession> {
  try {
    return await openMonitor(qmp, options);
  } catch (error) {
    if (!isFailure(error, "monitor-timeout") || !isDerived) throw error;
    const process = findQemu(pid, name);
    if (process === undefined || !isStopped(process.pid)) throw error;
    throw withDetails(error, { hint: `kill -CONT ${process.pid}` });
  }
}

/** Time between two reports of the wait, and looks for Ctrl-C. */
const TELL_MS = 1000;

function whatKeeps(path: string): string {
  const { clients } = unixSocketHolders(path);
  const served = clients.find(({ state }) => state === "accepted");
  return served === undefined
    ? "QEMU does not answer"
    : `the monitor is in use by pid ${served.pid} (${served.command})`;
}

/**
 * Awaits a session that is being opened, and reports the wait. A returned
 * session is the caller's; otherwise the session is closed, even if it opens
 * later.
 *
 * @throws {HotplugError} `monitor-timeout` after Ctrl-C
 */
export async function openVisibly(
  opening: Promise<QmpSession>,
  path: string,
  { timeoutMs: limitMs, waiting, signal }: MonitorOptions,
): Promise<QmpSession> {
  const begin = performance.now();
  try {
    for (;;) {
      const session = await within(opening, TELL_MS);
      if (session !== undefined) return session;
      if (signal?.aborted) {
        throw new HotplugError(
          "monitor-timeout",
          "Stopped waiting for QEMU, which had not answered yet",
        );
      }
      const sinceMs = performance.now() - begin;
      waiting?.({ what: whatKeeps(path), sinceMs, limitMs, end: "gives up" });
    }
  } catch (error) {
    // It ends by its own time-out; a late session is closed.
    opening.then((late) => late.close(), () => {});
    throw error;
  }
}
