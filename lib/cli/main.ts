/**
 * One command line from words to exit status.
 *
 * @module
 */

import { exitStatus, HotplugError, messageOf, usage } from "../errors.ts";
import { VERSION } from "../version.ts";
import type { Answer, Call, Terminal } from "./answer.ts";
import { type Invocation, parseInvocation } from "./args.ts";
import { handlerOf, isChangeCommand } from "./handlers.ts";
import * as report from "./report.ts";
import { jsonLine, printable } from "./text.ts";
import { Trace } from "./trace.ts";

async function answer(call: Call): Promise<Answer | undefined> {
  const { flags, command } = call.invocation;
  if (flags.has("version")) {
    return {
      text: [`kvm-hotplug ${VERSION}`],
      document: { ok: true, version: VERSION },
    };
  }
  const name = flags.has("help") ? "help" : command?.name;
  if (name === undefined) {
    throw usage("No command given", "kvm-hotplug --help shows all");
  }
  const handler = await handlerOf(name);
  return await handler(call);
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
  return isChangeCommand(command?.name) && !flags.has("dry-run") &&
    !flags.has("help") && !flags.has("version");
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
    const done = await answer({ invocation, terminal, trace });
    if (done === undefined) return 0;
    if (change) trace.audit({ ...change, result: done.document });
    writeAnswer(done, { terminal, invocation });
    return done.status ?? 0;
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
