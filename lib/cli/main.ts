/**
 * One command line from words to exit status.
 *
 * @module
 */

import * as report from "../commands/report.ts";
import type { Answer, Terminal } from "../commands/answer.ts";
import { answerDocument, documentLine } from "../commands/document.ts";
import { coloured, wantsColour } from "../commands/colour.ts";
import { parseInvocation } from "../commands/args.ts";
import {
  instanceAmong,
  instanceGiven,
  takesInstance,
} from "../commands/commands.ts";
import {
  exitStatus,
  hostError,
  type HotplugError,
  inSpiteOf,
  messageOf,
  named,
  type Remark,
  remarkText,
} from "../errors.ts";
import type { Invocation } from "../words/options.ts";
import { maskSecrets } from "../words/secrets.ts";
import { printable, setScreen } from "../words/text.ts";
import { isChange, perform } from "./perform.ts";

export { isTakenAtOnce } from "../commands/reader.ts";

function warn(one: Remark, terminal: Terminal) {
  terminal.err(report.warningText(remarkText(one)) + "\n");
}

function writeFailureText(error: HotplugError, terminal: Terminal) {
  terminal.err(report.failureText(error) + "\n");
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
  for (const one of error.settled) warn(one, terminal);
  if (json) {
    const instance = invocation === undefined
      ? instanceAmong(terminal.args)
      : instanceGiven(invocation);
    const document = report.failureDocument(error, instance);
    if (writeOut(documentLine(document), terminal) === undefined) return;
  }
  writeFailureText(error, terminal);
}

function lost(error: unknown): HotplugError {
  return hostError(`Cannot write the answer: ${messageOf(error)}`, error);
}

/** The functions that write to stdout, with named errors. */
function told({ out, streams }: Terminal): Pick<Terminal, "out" | "streams"> {
  const output = (text: string) => {
    try {
      out(text);
    } catch (error) {
      throw lost(error);
    }
  };
  if (streams === undefined) return { out: output };
  return {
    out: output,
    streams: () => {
      const own = streams();
      return {
        get input() {
          return own.input;
        },
        write: (text) =>
          own.write(text).catch((error) => Promise.reject(lost(error))),
      };
    },
  };
}

/**
 * Why a line could not be written; a reader that has closed the pipe is not a
 * fault.
 */
function writeOut(line: string, terminal: Terminal): HotplugError | undefined {
  try {
    terminal.out(line + "\n");
    return undefined;
  } catch (error) {
    return named(error);
  }
}

/** An answer as lines; the alerts are coloured for a person. */
function linesOf(
  { text, alerts = [], isVerbatim }: Answer,
  { terminal, invocation }: { terminal: Terminal; invocation: Invocation },
): string[] {
  const whole = text.map(printable);
  const lines = isVerbatim ? whole : whole.map(maskSecrets);
  if (alerts.length === 0 || !terminal.stdoutIsTerminal) return lines;
  return wantsColour(terminal, invocation.flags)
    ? coloured(lines, alerts)
    : lines;
}

/** Whether a command may have changed something, or only answers. */
function mayHaveChanged({ document, effect, status = 0 }: Answer): boolean {
  return document.changed === true || effect === "possible" || status > 0;
}

/**
 * @throws {HotplugError} `host-error` if the answer is lost and nothing was
 * changed
 */
function writeAnswer(
  answer: Answer,
  { terminal, invocation, lines }: {
    terminal: Terminal;
    invocation: Invocation;
    lines: readonly string[];
  },
) {
  const { flags } = invocation;
  const { settled = [], warnings = [], isVerbatim } = answer;
  if (!flags.has("quiet")) {
    for (const one of [...settled, ...warnings]) warn(one, terminal);
  }
  const isQuiet = flags.has("quiet") && !flags.has("json");
  if (isQuiet && isChange(invocation)) return;
  const line = flags.has("json")
    ? documentLine(answerDocument(answer), isVerbatim)
    : lines.join("\n");
  const fault = writeOut(line, terminal);
  if (fault === undefined) return;
  // A change is done: its status must not depend on our output.
  if (!mayHaveChanged(answer)) throw fault;
  warn(inSpiteOf(fault, "the exit status still shows the result"), terminal);
}

/** The code that resolves a name is loaded only if a name was given. */
async function wholeNamed(
  invocation: Invocation,
  { env }: Terminal,
): Promise<Invocation> {
  const { command, operands, flags } = invocation;
  const isAsked = takesInstance(command) && operands.length > 0 &&
    !flags.has("help") && !flags.has("version");
  if (!isAsked) return invocation;
  const { withWholeName } = await import("../commands/whole_name.ts");
  return withWholeName(invocation, env);
}

/** The value that shells set; used if there is no terminal. */
function columnsIn(text: string | undefined): number | undefined {
  return /^[1-9]\d{1,3}$/.test(text ?? "") ? Number(text) : undefined;
}

/** Carries out one command line and returns the exit status. */
export async function main(outer: Terminal): Promise<number> {
  // All output to stderr passes here.
  const err = (text: string) => outer.err(maskSecrets(text));
  const terminal = { ...outer, ...told(outer), err };
  setScreen(terminal.columns ?? columnsIn(terminal.env("COLUMNS")));
  let invocation: Invocation | undefined;
  try {
    invocation = parseInvocation(terminal.args);
    invocation = await wholeNamed(invocation, terminal);
    const done = await perform(invocation, terminal);
    if (done === undefined) return 0;
    const lines = linesOf(done, { terminal, invocation });
    writeAnswer(done, { terminal, invocation, lines });
    if (done.fault === undefined) return done.status ?? 0;
    writeFailureText(done.fault, terminal);
    return exitStatus(done.fault.code);
  } catch (error) {
    const failure = named(error);
    const json = invocation?.flags.has("json") ??
      terminal.args.includes("--json");
    writeFailure(failure, { terminal, json, invocation });
    return exitStatus(failure.code);
  }
}
