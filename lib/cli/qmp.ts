/**
 * The `qmp` command: any QMP command, from words or JSON.
 *
 * @module
 */

import { messageOf, unsupported, usage } from "../errors.ts";
import {
  isQuestion,
  type RawCommand,
  sendCommand,
  UnknownCommandError,
} from "../operation/raw_command.ts";
import { parseExact } from "../qmp/exact_json.ts";
import { isJson, type Json } from "../qmp/message.ts";
import { SchemaError } from "../qmp/schema_check.ts";
import type { KeyValue } from "../qmp/schema_arguments.ts";
import type { Fd } from "../sys/fd.ts";
import { openFile } from "../sys/file.ts";
import { SysError } from "../sys/errno.ts";
import { O } from "../sys/layout.ts";
import type { Answer, Call } from "./answer.ts";
import { didYouMean } from "./nearest.ts";
import { absolute } from "./request_words.ts";
import { reachOf } from "./requests.ts";
import { targetOf } from "./target.ts";
import { printable } from "./text.ts";

const FD = "@fd:";

const ACCEPTED =
  'arguments are KEY=VALUE words, one JSON object, or "-" for one on stdin; @fd:PATH passes a file';

function object(text: string, from: string): Json {
  let value: unknown;
  try {
    value = parseExact(text);
  } catch (error) {
    throw usage(`The arguments${from} are no JSON: ${messageOf(error)}`);
  }
  if (isJson(value)) return value;
  throw usage(`The arguments${from} must be one JSON object`);
}

function keyValue(word: string): KeyValue {
  const end = word.indexOf("=");
  if (end > 0) {
    return { key: word.slice(0, end), text: word.slice(end + 1) };
  }
  throw usage(`Not an argument: ${JSON.stringify(word)}`, ACCEPTED);
}

/** The arguments that the words after the command's name make. */
function argumentsOf(
  words: readonly string[],
  readInput: () => string,
): RawCommand["arguments"] {
  const [first = "", ...more] = words;
  if (first !== "-" && !first.startsWith("{")) return words.map(keyValue);
  if (more.length > 0) {
    throw usage(`Unexpected word ${JSON.stringify(more[0])}`, ACCEPTED);
  }
  return first === "-" ? object(readInput(), " on stdin") : object(first, "");
}

/** Opens what is to be passed, for writing too if that is possible. */
function openPassed(path: string): Fd {
  const flags = O.NONBLOCK | O.NOCTTY;
  try {
    return openFile(path, flags | O.RDWR);
  } catch (error) {
    const code = error instanceof SysError ? error.code : "";
    if (!["EACCES", "EROFS", "EISDIR", "EPERM"].includes(code)) throw error;
    return openFile(path, flags | O.RDONLY);
  }
}

function passedFd(words: readonly string[]): Fd | undefined {
  const [path, ...more] = words.map((word) => word.slice(FD.length));
  if (path === undefined) return undefined;
  if (more.length > 0) throw usage("One command takes one @fd:PATH");
  if (path === "") throw usage("@fd: needs a path");
  try {
    return openPassed(absolute(path));
  } catch (error) {
    throw unsupported(`Cannot open ${path} to pass it: ${messageOf(error)}`);
  }
}

/** What was refused before it was sent, with the nearest word that exists. */
function unsent(error: unknown, command: string): unknown {
  const word = error instanceof SchemaError
    ? error.word
    : error instanceof UnknownCommandError
    ? command
    : undefined;
  if (word === undefined) return error;
  const { message, known } = error as SchemaError | UnknownCommandError;
  const all = known.length > 0 && known.length <= 24
    ? `there is ${known.join(", ")}`
    : undefined;
  return unsupported(message, didYouMean(word, known) ?? all);
}

/** Carries out one QMP command; its reply is the answer. */
export async function qmp(
  { invocation, terminal, trace }: Call,
): Promise<Answer> {
  const [, execute = "", ...words] = invocation.operands;
  const target = targetOf(invocation, terminal.env);
  const plain = words.filter((word) => !word.startsWith(FD));
  const args = argumentsOf(plain, terminal.readInput);
  const { timeoutMs } = reachOf(invocation, terminal.env);
  using fd = passedFd(words.filter((word) => word.startsWith(FD)));
  const command = { execute, arguments: args, fd };
  // Not the arguments: they may be secrets.
  const audit = { command: "qmp", operands: [target.label, execute] };
  try {
    const value = await sendCommand(target.qmp, command, {
      timeoutMs,
      trace: trace.qmp,
    });
    if (!isQuestion(execute)) trace.audit({ ...audit, result: { ok: true } });
    const indent = terminal.stdoutIsTerminal ? 2 : 0;
    return {
      text: JSON.stringify(value, null, indent).split("\n").map(printable),
      document: {
        ok: true,
        instance: target.label,
        command: execute,
        return: value,
      },
    };
  } catch (error) {
    trace.audit({ ...audit, error: { message: messageOf(error) } });
    throw unsent(error, execute);
  }
}
