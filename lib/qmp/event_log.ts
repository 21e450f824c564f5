/**
 * The events of a session, kept from the moment of connecting.
 *
 * @module
 */

import type { QmpEvent } from "./message.ts";

/** More than this is not kept: a peer may not fill our memory. */
const MAX_EVENTS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;

interface Kept {
  readonly event: QmpEvent;
  readonly bytes: number;
}

/** Events in the order they came; the oldest are forgotten. */
export class EventLog {
  #events: Kept[] = [];
  #bytes = 0;
  /** How many events came before the first one that is kept. */
  #forgotten = 0;

  /** A mark in the stream of events: what comes later counts as since. */
  mark(): number {
    return this.#forgotten + this.#events.length;
  }

  /** Keeps one more event, which came in so many bytes. */
  add(event: QmpEvent, bytes: number): void {
    this.#events.push({ event, bytes });
    this.#bytes += bytes;
    while (this.#events.length > MAX_EVENTS || this.#bytes > MAX_BYTES) {
      this.#bytes -= this.#events.shift()?.bytes ?? 0;
      this.#forgotten++;
    }
  }

  /** All that are kept, and how many are not any more. */
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
