/**
 * Any QMP command, checked against the live QEMU's schema before it is sent.
 *
 * @module
 */

import { HotplugError, unsupported } from "../errors.ts";
import type { QmpSession } from "../qmp/client.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import type { Json } from "../qmp/message.ts";
import { list, text } from "../qmp/reading.ts";
import { Schema } from "../qmp/schema.ts";
import { argumentsFrom, type KeyValue } from "../qmp/schema_arguments.ts";
import { checkArguments } from "../qmp/schema_check.ts";
import type { Fd } from "../sys/fd.ts";
import {
  isUnreachable,
  nothingChanged,
  qmpFault,
  unchanged,
} from "./failure.ts";
import { type MonitorOptions, openMonitor } from "./monitor.ts";

/** A command in the form that a person types. */
export interface RawCommand {
  /** e.g. `query-status` */
  readonly execute: string;
  /** `KEY=VALUE` words, or all arguments as one object. */
  readonly arguments: readonly KeyValue[] | Json;
  /** Goes with the command; stays the caller's to close. */
  readonly fd?: Fd | undefined;
}

/** A command that cannot be sent: its name is unknown. */
export class UnknownCommandError extends Error {
  /** All commands of this QEMU. */
  readonly known: readonly string[];

  /** `known`: names of all commands. */
  constructor(command: string, known: readonly string[]) {
    super(`This QEMU has no command ${JSON.stringify(command)}`);
    this.known = known;
  }
}

/** Reads the schema of this QEMU. */
export async function readSchema(qmp: QmpSession): Promise<Schema> {
  return new Schema(await qmp.execute("query-qmp-schema"));
}

/** Types of a device's properties by QEMU's `ObjectPropertyInfo.type`. */
function propertyType(type: unknown): string {
  if (type === "bool" || type === "str") return type;
  return /^u?int\d+$|^size(32)?$/.test(text(type)) ? "int" : "any";
}

/**
 * The schema for one device_add: its own arguments and the driver's properties,
 * which QEMU tells for each driver.
 *
 * @param driver the same schema if this is not a text
 * @throws as {@linkcode QmpSession.execute}
 */
export async function withProperties(
  schema: Schema,
  driver: unknown,
  qmp: QmpSession,
): Promise<Schema> {
  if (typeof driver !== "string") return schema;
  const [properties] = await qmp.executeAll([{
    execute: "device-list-properties",
    args: { typename: driver },
    // An unknown driver: device_add reports it in QEMU's words.
    ifRefused: "nothing",
  }]);
  return schema.extended(
    "device_add",
    list(properties).map(({ name, type }) => ({
      name: text(name),
      type: propertyType(type),
      optional: true,
    })),
  );
}

function saidDriver(args: RawCommand["arguments"]): unknown {
  return isWords(args)
    ? args.find(({ key }) => key === "driver")?.text
    : args.driver;
}

function isWords(args: RawCommand["arguments"]): args is readonly KeyValue[] {
  return Array.isArray(args);
}

/**
 * The arguments to send.
 *
 * @throws {UnknownCommandError} | {SchemaError}
 */
async function prepare(
  command: RawCommand,
  plain: Schema,
  qmp: QmpSession,
): Promise<Json> {
  const { execute, arguments: args, fd } = command;
  if (fd !== undefined && isQuestion(execute)) {
    throw unsupported(`${execute} does not accept a file descriptor`);
  }
  if (plain.argumentsOf(execute) === undefined) {
    throw new UnknownCommandError(execute, plain.commands);
  }
  const schema = plain.isOpen(execute)
    ? await withProperties(plain, saidDriver(args), qmp)
    : plain;
  const type = schema.argumentsOf(execute) ?? "";
  const made = isWords(args) ? argumentsFrom(schema, type, args) : args;
  checkArguments(schema, type, made);
  return made;
}

/** Commands that change nothing, even if their reply is lost. */
export function isQuestion(command: string): boolean {
  return command.startsWith("query-") ||
    ["qom-get", "qom-list", "qom-list-types", "qom-list-properties"]
      .includes(command) ||
    command === "device-list-properties";
}

function failed(command: string, error: unknown): unknown {
  if (error instanceof QmpCommandError) {
    return new HotplugError("qmp-error", error.message, {
      qmp: qmpFault(error),
      cause: error,
    });
  }
  if (!isUnreachable(error)) return error;
  if (isQuestion(command)) return nothingChanged(error);
  return new HotplugError(
    "interrupted",
    `QEMU may or may not have executed ${command}: ${error.message}`,
    { changed: true, cause: error },
  );
}

/**
 * Sends one command on a session and returns QEMU's result.
 *
 * @param schema the schema of the session's QEMU
 * @throws {UnknownCommandError} | {SchemaError} nothing was sent
 * @throws {HotplugError} status 4, `qmp-error`, or `interrupted` if the outcome
 * is unknown
 */
export async function sendOn(
  qmp: QmpSession,
  schema: Schema,
  command: RawCommand,
): Promise<unknown> {
  const { execute, fd } = command;
  const args = await unchanged(() => prepare(command, schema, qmp));
  try {
    return await qmp.execute(execute, args, { fd });
  } catch (error) {
    throw failed(execute, error);
  }
}

/**
 * Opens a session for one command, as {@linkcode sendOn} sends it.
 *
 * @param path the QMP socket
 * @throws as {@linkcode sendOn}
 */
export async function sendCommand(
  path: string,
  command: RawCommand,
  options: MonitorOptions,
): Promise<unknown> {
  using qmp = await openMonitor(path, options);
  const schema = await unchanged(() => readSchema(qmp));
  return await sendOn(qmp, schema, command);
}
