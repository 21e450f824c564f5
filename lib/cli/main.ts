/**
 * One command line from words to exit status.
 *
 * @module
 */

import { exitStatus, HotplugError, messageOf, usage } from "../errors.ts";
import type { RunOptions } from "../operation/run.ts";
import { VERSION } from "../version.ts";
import { type Invocation, parseInvocation } from "./args.ts";
import { COMMANDS } from "./commands.ts";
import * as report from "./report.ts";
import { instanceOf, reachOf, requestOf } from "./requests.ts";
import { jsonLine, printable } from "./text.ts";
import { Trace } from "./trace.ts";

/** What a command line needs of the process it runs in. */
export interface Terminal {
  /** The words after the program's name. */
  readonly args: readonly string[];
  /** Undefined for a variable that is not set. */
  readonly env: (name: string) => string | undefined;
  /** Ends waiting at once: a signal came. */
  readonly signal: AbortSignal;
  /** Writes to stdout; the text brings its line break. Must not throw. */
  readonly out: (text: string) => void;
  /** Likewise to stderr. */
  readonly err: (text: string) => void;
}

/** What a command says. */
export interface Answer {
  /** Lines for a person. */
  readonly text: readonly string[];
  /** The same for a program. */
  readonly document: unknown;
  /** For stderr. */
  readonly warnings?: readonly string[];
}

async function helpAnswer(
  { command, operands }: Invocation,
): Promise<Answer> {
  const words = operands.join(" ");
  const topic = command?.name === "help"
    ? COMMANDS.find((one) => one.name === words)
    : command;
  if (command?.name === "help" && words !== "" && topic === undefined) {
    throw usage(
      `No command ${JSON.stringify(words)}`,
      "kvm-hotplug --help shows all",
    );
  }
  const { commandUsage, usageText } = await import("./usage.ts");
  const text = topic === undefined ? usageText() : commandUsage(topic);
  return { text: text.split("\n"), document: { ok: true, help: text } };
}

async function listAnswer(
  invocation: Invocation,
  terminal: Terminal,
  trace: Trace,
): Promise<Answer> {
  const reach = reachOf(invocation, terminal.env);
  const instance = instanceOf(invocation);
  const { listAll, listInstance } = await import("../operation/list.ts");
  if (instance === undefined) {
    const all = listAll(reach.runDir);
    return {
      text: report.summariesText(all),
      document: report.summariesDocument(all),
    };
  }
  const listing = await listInstance(instance, { ...reach, trace: trace.qmp });
  return {
    text: report.listingText(listing),
    document: report.listingDocument(listing),
    warnings: listing.warnings,
  };
}

async function answer(
  invocation: Invocation,
  terminal: Terminal,
  trace: Trace,
): Promise<Answer> {
  const { flags, command } = invocation;
  if (flags.has("version")) {
    return {
      text: [`kvm-hotplug ${VERSION}`],
      document: { ok: true, version: VERSION },
    };
  }
  if (flags.has("help") || command?.name === "help") {
    return await helpAnswer(invocation);
  }
  if (command === undefined) {
    throw usage("No command given", "kvm-hotplug --help shows all");
  }
  const request = requestOf(invocation);
  if (request === undefined) {
    return await listAnswer(invocation, terminal, trace);
  }
  const options: RunOptions = {
    ...reachOf(invocation, terminal.env),
    mode: flags.has("dry-run") ? "dry-run" : "apply",
    signal: terminal.signal,
    trace: trace.qmp,
  };
  // Here and below: what a command does without is not even compiled.
  const { change } = await import("./change.ts");
  return await change(request, options, trace);
}

/** Any error as one that has a code. */
function named(error: unknown): HotplugError {
  if (error instanceof HotplugError) return error;
  return new HotplugError("internal", `Internal fault: ${messageOf(error)}`, {
    hint: "please report it, with the output of --verbose",
    cause: error,
  });
}

function writeFailure(
  error: HotplugError,
  { terminal, json, invocation }: {
    terminal: Terminal;
    json: boolean;
    invocation: Invocation | undefined;
  },
) {
  const stack = error.code === "internal" && error.cause instanceof Error &&
    invocation?.flags.has("verbose");
  if (stack) terminal.err(`${(error.cause as Error).stack}\n`);
  if (json) {
    const instance = invocation?.operands[0];
    const document = report.failureDocument(error, instance);
    writeOut(jsonLine(document), terminal);
    return;
  }
  const lines = report.failureText(error).map(printable);
  terminal.err(lines.join("\n") + "\n");
}

/** Whether it could be written; a reader that has gone is no fault. */
function writeOut(line: string, terminal: Terminal): boolean {
  try {
    terminal.out(line + "\n");
    return true;
  } catch {
    return false;
  }
}

/** @throws {HotplugError} `host-error` if a question's answer is lost */
function writeAnswer(
  { text, document, warnings = [] }: Answer,
  { terminal, invocation }: { terminal: Terminal; invocation: Invocation },
) {
  const { flags } = invocation;
  if (!flags.has("quiet")) {
    for (const warning of warnings) {
      terminal.err(printable(`warning: ${warning}`) + "\n");
    }
  }
  const change = isChange(invocation);
  if (flags.has("quiet") && change && !flags.has("json")) return;
  const line = flags.has("json")
    ? jsonLine(document)
    : text.map(printable).join("\n");
  // What was changed is changed: its status must not depend on our output.
  if (writeOut(line, terminal) || change) return;
  throw new HotplugError("host-error", "The answer could not be written");
}

function isChange({ command, flags }: Invocation): boolean {
  const word = command?.name.split(" ")[1];
  return word !== undefined && !flags.has("dry-run") && !flags.has("help");
}

async function perform(
  invocation: Invocation,
  terminal: Terminal,
): Promise<number> {
  const { flags, values, command, operands } = invocation;
  const show = flags.has("verbose")
    ? (line: string) => terminal.err(printable(line) + "\n")
    : undefined;
  using trace = new Trace({ show, log: values.get("log") });
  const change = isChange(invocation)
    ? { command: command?.name, operands }
    : undefined;
  try {
    const done = await answer(invocation, terminal, trace);
    if (change) trace.audit({ ...change, result: done.document });
    writeAnswer(done, { terminal, invocation });
    return 0;
  } catch (error) {
    const failure = named(error);
    const { code, message, changed } = failure;
    if (change) trace.audit({ ...change, error: { code, message }, changed });
    throw failure;
  }
}

/** Carries out one command line and returns the exit status. */
export async function main(terminal: Terminal): Promise<number> {
  let invocation: Invocation | undefined;
  try {
    invocation = parseInvocation(terminal.args);
    return await perform(invocation, terminal);
  } catch (error) {
    const failure = named(error);
    const json = invocation?.flags.has("json") ??
      terminal.args.includes("--json");
    writeFailure(failure, { terminal, json, invocation });
    return exitStatus(failure.code);
  }
}
