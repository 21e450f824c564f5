/**
 * The events of a session, kept from the moment of connecting.
 *
 * @module
 */

import type { QmpEvent } from "./message.ts";

/** The longest log: a peer must not fill our memory. */
const MAX_EVENTS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;

interface Kept {
  readonly event: QmpEvent;
  readonly bytes: number;
}

/** Events in the order of arrival; the oldest are forgotten. */
export class EventLog {
  #events: Kept[] = [];
  #bytes = 0;
  /** The number of events before the first one in the log. */
  #forgotten = 0;

  /** A mark in the stream of events: later events count as since the mark. */
  mark(): number {
    return this.#forgotten + this.#events.length;
  }

  /** Adds one event; `bytes` is its size in the stream. */
  add(event: QmpEvent, bytes: number): void {
    this.#events.push({ event, bytes });
    this.#bytes += bytes;
    while (this.#events.length > MAX_EVENTS || this.#bytes > MAX_BYTES) {
      this.#bytes -= this.#events.shift()?.bytes ?? 0;
      this.#forgotten++;
    }
  }

  /** All events in the log, and the number of forgotten events. */
  all(): { readonly events: QmpEvent[]; readonly lost: number } {
    const events = this.#events.map(({ event }) => event);
    return { events, lost: this.#forgotten };
  }

  /** The first event since the mark that `match` accepts. */
  find(
    match: (event: QmpEvent) => boolean,
    since: number,
  ): QmpEvent | undefined {
    const from = Math.max(since - this.#forgotten, 0);
    return this.#events.slice(from).find(({ event }) => match(event))?.event;
  }
}
