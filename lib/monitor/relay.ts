/**
 * Events that one kvm-hotplug relays to others. QEMU sends events to one client
 * only. A follower of events gives the monitor up for a change, and the change
 * sends its received events to the follower's socket before it leaves the
 * monitor. The change never waits for a follower, and events are never kept in
 * a file.
 *
 * @module
 */

import { parseExact } from "../qmp/exact_json.ts";
import { isJson, isTimeMs, type Json, type QmpEvent } from "../qmp/message.ts";
import { fnv1a } from "../state/hash.ts";
import { openOwnDirectory, openOwnDirectoryIfThere } from "../state/lock.ts";
import { DatagramInbox, sendDatagram } from "../sys/datagram.ts";
import { openIfThere } from "../sys/file.ts";
import { O } from "../sys/layout.ts";

/** A monitor, and the run directory that all its users share. */
export interface Monitor {
  /** The QMP socket's path; it may go through links. */
  readonly qmp: string;
  /** Absolute. */
  readonly runDir: string;
}

/** The number of followers of one monitor that can get relayed events. */
const FOLLOWERS = 4;

/** Longest message, in bytes; by default the kernel takes 208 KiB. */
const MAX_MESSAGE = 96 * 1024;
/** Most messages that one session relays: together 1 MiB at most. */
const MAX_MESSAGES = 10;
/** Most messages that a follower keeps until it can show them. */
const MAX_GATHERED = 100;

/** Names of the socket files of one monitor, for any path that leads to it. */
function namesOf(qmp: string): string[] {
  const key = fnv1a(realPath(qmp)).toString(16);
  return Array.from({ length: FOLLOWERS }, (_, k) => `events-${key}.${k}`);
}

function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    // The socket disappeared with its QEMU.
    return path;
  }
}

/** A message of relayed events. */
export interface Relayed {
  /** In the order of arrival. */
  readonly events: readonly QmpEvent[];
  /** The number of further events that were not relayed. */
  readonly lost: number;
}

/** Puts events into messages; events that do not fit are counted as lost. */
export function messagesOf(
  qmp: string,
  { events, lost }: Relayed,
): Uint8Array<ArrayBuffer>[] {
  const encoder = new TextEncoder();
  const parts: string[][] = [];
  let dropped = lost;
  let room = 0;
  for (const event of events) {
    const text = JSON.stringify(event);
    const size = encoder.encode(text).length + 1;
    const isNext = size > room;
    if (size > MAX_MESSAGE || (isNext && parts.length === MAX_MESSAGES)) {
      dropped++;
      continue;
    }
    if (isNext) {
      parts.push([]);
      room = MAX_MESSAGE;
    }
    parts.at(-1)?.push(text);
    room -= size;
  }
  if (parts.length === 0 && dropped > 0) parts.push([]);
  return parts.map((texts, k) =>
    encoder.encode(
      `{"qmp":${JSON.stringify(qmp)},"lost":${k === 0 ? dropped : 0},` +
        `"events":[${texts.join()}]}`,
    )
  );
}

function isEvent(value: unknown): value is QmpEvent {
  return isJson(value) && typeof value.event === "string" &&
    isTimeMs(value.timestampMs) && isJson(value.data);
}

/** A message about this monitor, of any version of this program. */
function readMessage(qmp: string, message: Uint8Array): Json | undefined {
  let value: unknown;
  try {
    value = parseExact(new TextDecoder().decode(message));
  } catch {
    return undefined;
  }
  return isJson(value) && value.qmp === qmp ? value : undefined;
}

/** Whether a message says that a client waits for the monitor. */
export function isAsking(qmp: string, message: Uint8Array): boolean {
  return readMessage(qmp, message)?.asks === "monitor";
}

/** Undefined for messages of another version or another program. */
export function readRelayed(
  qmp: string,
  message: Uint8Array,
): Relayed | undefined {
  const { events, lost } = readMessage(qmp, message) ?? {};
  const isCount = typeof lost === "number" && lost >= 0 &&
    Number.isSafeInteger(lost);
  if (!Array.isArray(events) || !isCount) return undefined;
  return { events: events.filter(isEvent), lost };
}

/**
 * Sends to the socket of each follower, until its queue is full.
 *
 * @param messagesFor makes the messages, if there is a follower
 */
function send(
  { qmp, runDir }: Monitor,
  messagesFor: (qmp: string) => Uint8Array<ArrayBuffer>[],
): void {
  using dir = openOwnDirectoryIfThere(runDir);
  if (dir === undefined) return;
  let messages: Uint8Array<ArrayBuffer>[] | undefined;
  for (const name of namesOf(qmp)) {
    using target = openIfThere(name, O.PATH | O.NOFOLLOW, { dir });
    if (target === undefined) continue;
    messages ??= messagesFor(realPath(qmp));
    messages.every((one) => sendDatagram(target, one) === "sent");
  }
}

/**
 * Relays events to all followers of this monitor. Failures are ignored: the
 * follower reports a gap in any case.
 */
export function relay(monitor: Monitor, relayed: Relayed): void {
  if (relayed.events.length === 0 && relayed.lost === 0) return;
  try {
    send(monitor, (qmp) => messagesOf(qmp, relayed));
  } catch {
    // No descriptor is left, or the folder is not ours.
  }
}

/**
 * Tells all followers that a client waits for this monitor. Failures are
 * ignored: a follower looks for waiting clients in any case, if seldom.
 */
export function askForMonitor(monitor: Monitor): void {
  const ask = (qmp: string) =>
    new TextEncoder().encode(JSON.stringify({ qmp, asks: "monitor" }));
  try {
    send(monitor, (qmp) => [ask(qmp)]);
  } catch {
    // As above.
  }
}

/** Owns the socket of a follower of a monitor's events. */
export class RelayInbox implements Disposable {
  readonly #inbox: DatagramInbox;
  readonly #qmp: string;
  readonly #buffer = new Uint8Array(new ArrayBuffer(2 * MAX_MESSAGE));
  readonly #gathered: Relayed[] = [];
  #lost = 0;
  #isAsked = false;

  private constructor(inbox: DatagramInbox, qmp: string) {
    this.#inbox = inbox;
    this.#qmp = qmp;
  }

  /**
   * Makes the socket.
   *
   * @returns the caller's; undefined if there are {@linkcode FOLLOWERS} already
   * @throws {HotplugError} | {SysError} | {ShortageError}
   */
  static open({ qmp, runDir }: Monitor): RelayInbox | undefined {
    const dir = openOwnDirectory(runDir);
    try {
      for (const name of namesOf(qmp)) {
        const inbox = DatagramInbox.bind(dir, name);
        if (inbox !== undefined) return new RelayInbox(inbox, realPath(qmp));
      }
    } catch (error) {
      dir.close();
      throw error;
    }
    dir.close();
    return undefined;
  }

  /** Takes messages out of the socket's queue, which is short. */
  gather(): void {
    for (;;) {
      const size = this.#inbox.receive(this.#buffer);
      if (size === "none") return;
      const message = this.#buffer.subarray(0, size);
      const one = readRelayed(this.#qmp, message);
      this.#isAsked ||= one === undefined && isAsking(this.#qmp, message);
      if (one === undefined) continue;
      if (this.#gathered.length < MAX_GATHERED) this.#gathered.push(one);
      else this.#lost += one.events.length + one.lost;
    }
  }

  /**
   * Waits until a client asks for the monitor.
   *
   * @param signal ends the wait at once
   * @returns whether one has asked
   * @throws {SysError}
   */
  async asked(signal: AbortSignal): Promise<boolean> {
    while (!this.#isAsked && !signal.aborted) {
      await this.#inbox.waitReadable(signal);
      this.gather();
    }
    const isAsked = this.#isAsked;
    this.#isAsked = false;
    return isAsked;
  }

  /** The messages since the last call, one after the other. */
  *take(): Generator<Relayed> {
    for (;;) {
      this.gather();
      const one = this.#gathered.shift();
      const lost = this.#lost + (one?.lost ?? 0);
      this.#lost = 0;
      if (one === undefined && lost === 0) return;
      yield { events: one?.events ?? [], lost };
    }
  }

  /** Closes the socket and removes its file. */
  [Symbol.dispose](): void {
    this.#inbox[Symbol.dispose]();
  }
}
