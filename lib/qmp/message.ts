/**
 * QMP on the wire: JSON objects, each ended by a line break, and the kinds of
 * messages. QEMU docs/interop/qmp-spec, sections 2.2 to 2.5.
 *
 * @module
 */

import { parseExact } from "./exact_json.ts";
import { QmpProtocolError } from "./errors.ts";

/** Longest message accepted, in bytes; `query-qmp-schema` needs 0.2 MiB. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** A JSON object of unknown content. */
export type Json = Record<string, unknown>;

/** QEMU's version, from the greeting. */
export interface QmpVersion {
  /** The 7 of 7.2.22. */
  readonly major: number;
  /** The 2 of 7.2.22. */
  readonly minor: number;
  /** The 22 of 7.2.22; 50 and more before a release. */
  readonly micro: number;
  /** The distribution's own version text, may be empty. */
  readonly package: string;
}

/** One asynchronous event. */
export interface QmpEvent {
  /** In capitals, e.g. `DEVICE_DELETED`: QEMU's schema. */
  readonly event: string;
  /** Empty if the event has none. */
  readonly data: Json;
  /** By QEMU's clock, milliseconds since 1970. */
  readonly timestampMs: number;
}

/**
 * One message; its kind depends on its content, never on its place in the
 * stream.
 */
export type QmpMessage =
  | { readonly kind: "greeting"; readonly version: QmpVersion }
  | { readonly kind: "event"; readonly event: QmpEvent }
  | { readonly kind: "return"; readonly id: unknown; readonly value: unknown }
  | {
    readonly kind: "error";
    readonly id: unknown;
    readonly class: string;
    readonly desc: string;
  };

/** Whether a value is a JSON object (no array, no null). */
export function isJson(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Cuts a byte stream into lines, whatever the sizes of its parts. */
export class MessageFramer {
  #parts: Uint8Array[] = [];
  #length = 0;
  readonly #limit: number;

  /**
   * Begins with no bytes.
   *
   * @param limit longest line, in bytes
   */
  constructor(limit: number = MAX_MESSAGE_BYTES) {
    this.#limit = limit;
  }

  /**
   * Takes the next bytes and returns the completed lines, without blank ones.
   * The bytes are copied; the caller may reuse its buffer.
   *
   * @throws {QmpProtocolError} if a line is longer than the limit
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(0x0a, start);
      this.#append(chunk.slice(start, end < 0 ? chunk.length : end));
      if (end < 0) return lines;
      const line = this.#takeLine();
      if (line.length > 0) lines.push(line);
      start = end + 1;
    }
  }

  #append(part: Uint8Array) {
    if (part.length === 0) return;
    this.#length += part.length;
    if (this.#length > this.#limit) {
      throw new QmpProtocolError(
        `a message is longer than ${this.#limit} bytes`,
      );
    }
    this.#parts.push(part);
  }

  #takeLine(): Uint8Array {
    const line = new Uint8Array(this.#length);
    let at = 0;
    for (const part of this.#parts) {
      line.set(part, at);
      at += part.length;
    }
    this.#parts = [];
    this.#length = 0;
    const cr = line.length > 0 && line[line.length - 1] === 0x0d;
    return cr ? line.subarray(0, -1) : line;
  }
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function count(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

/** Whether it is a time, in ms since 1970, that a Date can hold. */
export function isTimeMs(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 8.64e15;
}

function readGreeting(greeting: Json): QmpMessage {
  const version = isJson(greeting.version) ? greeting.version : {};
  const qemu = isJson(version.qemu) ? version.qemu : {};
  return {
    kind: "greeting",
    version: {
      major: count(qemu.major),
      minor: count(qemu.minor),
      micro: count(qemu.micro),
      package: text(version.package),
    },
  };
}

function readEvent(message: Json): QmpMessage {
  const stamp = isJson(message.timestamp) ? message.timestamp : {};
  const timestampMs = count(stamp.seconds) * 1000 +
    Math.floor(count(stamp.microseconds) / 1000);
  return {
    kind: "event",
    event: {
      event: String(message.event),
      data: isJson(message.data) ? message.data : {},
      timestampMs: isTimeMs(timestampMs) ? timestampMs : 0,
    },
  };
}

const decoder = new TextDecoder();

/** The text of a line. */
export function textOf(line: Uint8Array): string {
  return decoder.decode(line);
}

/**
 * Reads one line.
 *
 * @param source its text
 * @throws {QmpProtocolError} if it is not a QMP message
 */
export function readMessage(
  line: Uint8Array,
  source: string = textOf(line),
): QmpMessage {
  let message: unknown;
  try {
    message = parseExact(source);
  } catch {
    throw new QmpProtocolError("a message is not JSON");
  }
  if (!isJson(message)) {
    throw new QmpProtocolError("a message is not an object");
  }
  if (isJson(message.QMP)) return readGreeting(message.QMP);
  if (typeof message.event === "string") return readEvent(message);
  if (isJson(message.error)) {
    return {
      kind: "error",
      id: message.id,
      class: text(message.error.class) || "GenericError",
      desc: text(message.error.desc),
    };
  }
  if ("return" in message) {
    return { kind: "return", id: message.id, value: message.return };
  }
  throw new QmpProtocolError("a message is not a reply or an event");
}
