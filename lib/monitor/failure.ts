/**
 * Turns errors of QMP into errors that tell the caller what to do.
 *
 * @module
 */

import { HotplugError, isFailure, type QmpFault, shortage } from "../errors.ts";
import {
  QmpClosedError,
  QmpCommandError,
  QmpProtocolError,
  QmpTimeoutError,
} from "../qmp/errors.ts";
import { SysError } from "../sys/errno.ts";

/** QEMU's own words, if it refused a command. */
export function qmpFault(error: unknown): QmpFault | undefined {
  if (!(error instanceof QmpCommandError)) return undefined;
  return { command: error.command, class: error.class, desc: error.desc };
}

/** Whether an error means that QEMU can no longer be asked. */
export function isUnreachable(error: unknown): error is Error {
  return error instanceof QmpTimeoutError || error instanceof QmpClosedError ||
    error instanceof QmpProtocolError;
}

/**
 * The error if the VM cannot be asked before the first change: status 4.
 *
 * @returns undefined for other errors
 */
export function unreachable(error: unknown): HotplugError | undefined {
  if (!isUnreachable(error)) return undefined;
  const { message } = error;
  return error instanceof QmpTimeoutError
    ? new HotplugError("monitor-timeout", message, {
      cause: error,
      hint: "check whether QEMU is stopped (SIGSTOP) or the node is overloaded",
    })
    : new HotplugError("not-running", message, {
      cause: error,
      hint: "check that the VM is running and that this is its QMP socket",
    });
}

/**
 * Whether an error means that no process serves the VM's socket: the VM is
 * down.
 */
export function isDown(error: unknown): error is HotplugError {
  return isFailure(error, "not-running") &&
    error.cause instanceof SysError;
}

/** Runs work before the first change, with named errors. */
export async function unchanged<T>(work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw nothingChanged(error);
  }
}

/** Any error before the first change, named. */
export function nothingChanged(error: unknown): unknown {
  if (!(error instanceof QmpCommandError)) {
    return unreachable(error) ?? shortage(error) ?? error;
  }
  const missing = error.class === "CommandNotFound";
  return new HotplugError(
    missing ? "unsupported" : "qmp-error",
    error.message,
    { qmp: qmpFault(error), cause: error },
  );
}
