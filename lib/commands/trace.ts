/**
 * The output of `--verbose` and `--log`: every step, every QMP message in both
 * directions, and a line per change for the audit.
 *
 * @module
 */

import { messageOf, refuse } from "../errors.ts";
import type { Progress } from "../engine/apply.ts";
import type { QmpTrace } from "../qmp/session_options.ts";
import type { Fd } from "../sys/fd.ts";
import { openFile, statFd, writeAll } from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import { maskSecrets } from "../words/secrets.ts";
import { jsonLine } from "../words/text.ts";

/** Longer messages are cut on the screen, not in the log. */
const MAX_SHOWN = 400;

/** The beginning of a line of the trace. */
const MARKS = { connect: "== connect to", send: "->", receive: "<-" } as const;

/** Targets of a trace. */
export interface TraceOptions {
  /** Writes a line to stderr; undefined: nothing is shown. */
  readonly show?: ((line: string) => void) | undefined;
  /** The file to which JSON lines are appended. */
  readonly log?: string | undefined;
}

/** Records an operation; owns the log's fd. */
export class Trace implements Disposable {
  readonly #show: ((line: string) => void) | undefined;
  readonly #log: Fd | undefined;
  readonly #begin = performance.now();

  /**
   * Opens the log, which is made with mode 0600 if it is missing.
   *
   * @throws {HotplugError} `refused` if the log cannot be opened
   */
  constructor({ show, log }: TraceOptions) {
    this.#show = show;
    this.#log = log === undefined ? undefined : openLog(log);
  }

  /** Whether there is any target: without one, no text is made. */
  get isWatched(): boolean {
    return this.#show !== undefined || this.#log !== undefined;
  }

  /** For the session: every message, with its secrets masked. */
  get qmp(): QmpTrace | undefined {
    if (!this.isWatched) return undefined;
    return (direction, text, fd) => this.#message(direction, text, fd);
  }

  #message(...[direction, text, fd]: Parameters<QmpTrace>) {
    const message = maskSecrets(text);
    const passed = fd === undefined
      ? ""
      : ` [with fd ${fd.number}: ${fd.label}]`;
    const cut = message.length > MAX_SHOWN
      ? `${message.slice(0, MAX_SHOWN)}… (${message.length} characters)`
      : message;
    this.#line(`${MARKS[direction]} ${cut}${passed}`);
    this.#record({ qmp: direction, message, fd: fd?.label });
  }

  /** For apply: each step before it is done or undone. */
  get progress(): Progress {
    const tell =
      (verb: "do" | "undo"): NonNullable<Progress["doing"]> =>
      (step, index, kind) => {
        const { step: title, host } = kind.describe(step);
        const what = host === null ? title : `${title}: ${host}`;
        this.#line(`== ${verb} ${index + 1}: ${what}`);
        this.#record({ step: verb, index, ...step });
      };
    return { doing: tell("do"), undoing: tell("undo") };
  }

  /** Messages between the steps. */
  note(text: string): void {
    this.#line(`== ${text}`);
    this.#record({ note: text });
  }

  /** The audit line of a change: caller, change, result. */
  audit(entry: Record<string, unknown>): void {
    this.#record({
      audit: entry,
      uid: Deno.uid(),
      sudo_user: Deno.env.get("SUDO_USER"),
      ssh_connection: Deno.env.get("SSH_CONNECTION"),
      pid: Deno.pid,
    });
  }

  #line(text: string) {
    const seconds = (performance.now() - this.#begin) / 1000;
    this.#show?.(maskSecrets(`${seconds.toFixed(3).padStart(7)} ${text}`));
  }

  #record(entry: Record<string, unknown>) {
    if (this.#log === undefined) return;
    const time = new Date().toISOString();
    const line = maskSecrets(jsonLine({ time, ...entry })) + "\n";
    try {
      writeAll(this.#log, new TextEncoder().encode(line));
    } catch (error) {
      // A full disk must not stop an operation half-way.
      this.#line(`the log cannot be written: ${messageOf(error)}`);
    }
  }

  /** Closes the log; each line was written when it came. */
  [Symbol.dispose](): void {
    this.#log?.close();
  }
}

function openLog(path: string): Fd {
  const flags = O.WRONLY | O.CREAT | O.APPEND | O.NOFOLLOW | O.NONBLOCK;
  let fd: Fd;
  try {
    fd = openFile(path, flags, { mode: 0o600 });
  } catch (error) {
    throw refuse(`Cannot open log file ${path}: ${messageOf(error)}`);
  }
  if (statFd(fd).kind === "file") return fd;
  fd.close();
  throw refuse(`Cannot open log file ${path}: it must be a regular file`);
}
