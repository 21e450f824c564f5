/**
 * The words of a QMP command: its name, its arguments, a file to pass.
 *
 * @module
 */

import { messageOf, unsupported, usage } from "../errors.ts";
import {
  type RawCommand,
  UnknownCommandError,
} from "../monitor/raw_command.ts";
import { parseExact } from "../qmp/exact_json.ts";
import { isJson, type Json } from "../qmp/message.ts";
import type { KeyValue } from "../qmp/schema_arguments.ts";
import { SchemaError } from "../qmp/schema_check.ts";
import { SysError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { openFile } from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import { didYouMean } from "../words/nearest.ts";
import { absolute } from "../words/request_words.ts";

const FD = "@fd:";

const ACCEPTED =
  'give KEY=VALUE words, one JSON object, or "-" for a JSON object on stdin; @fd:PATH passes a file';

function object(text: string, from: string): Json {
  let value: unknown;
  try {
    value = parseExact(text);
  } catch (error) {
    throw usage(`The arguments${from} are not valid JSON: ${messageOf(error)}`);
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

/** Opens the file to pass, for writing too if that is possible. */
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
  if (more.length > 0) {
    throw usage("Only one @fd:PATH can be passed with a command");
  }
  if (path === "") throw usage("@fd: needs a path");
  try {
    return openPassed(absolute(path));
  } catch (error) {
    throw unsupported(
      `Cannot open ${path} to pass it to QEMU: ${messageOf(error)}`,
    );
  }
}

/**
 * A reply as lines: JSON, formatted for a person; the reply of the human
 * monitor is shown as text.
 */
export function replyLines(
  execute: string,
  value: unknown,
  reader: "person" | "program",
): string[] {
  if (reader === "program") return [JSON.stringify(value)];
  const text = execute === "human-monitor-command" && typeof value === "string"
    ? value.trimEnd()
    : JSON.stringify(value, null, 2);
  return text.split(/\r?\n/);
}

/**
 * The error of a command that was refused before it was sent, with the nearest
 * existing word.
 */
export function unsent(error: unknown, command: string): unknown {
  const word = error instanceof SchemaError
    ? error.word
    : error instanceof UnknownCommandError
    ? command
    : undefined;
  if (word === undefined) return error;
  const { message, known } = error as SchemaError | UnknownCommandError;
  const all = known.length > 0 && known.length <= 24
    ? `known: ${known.join(", ")}`
    : undefined;
  return unsupported(message, didYouMean(word, known) ?? all);
}

/**
 * The command of these words: `COMMAND [KEY=VALUE|JSON|-|@fd:PATH...]`.
 *
 * @param readInput the input for `-`
 * @returns a command; if it has an fd, the caller closes it
 * @throws {HotplugError} `usage` | `unsupported`
 */
export function rawCommand(
  [execute = "", ...words]: readonly string[],
  readInput: () => string,
): RawCommand {
  const plain = words.filter((word) => !word.startsWith(FD));
  const args = argumentsOf(plain, readInput);
  const fd = passedFd(words.filter((word) => word.startsWith(FD)));
  return { execute, arguments: args, fd };
}
