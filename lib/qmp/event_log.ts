/**
 * The events of a session, kept from the moment of connecting.
 *
 * @module
 */

import type { QmpEvent } from "./message.ts";

/** More events than this are not kept: a peer may not fill our memory. */
const MAX_EVENTS = 10_000;

/** Events in the order they came; the oldest are forgotten. */
export class EventLog {
  #events: QmpEvent[] = [];
  /** How many events came before the first one that is kept. */
  #forgotten = 0;

  /** A mark in the stream of events: what comes later counts as since. */
  mark(): number {
    return this.#forgotten + this.#events.length;
  }

  /** Keeps one more event. */
  add(event: QmpEvent): void {
    this.#events.push(event);
    if (this.#events.length <= MAX_EVENTS) return;
    this.#events.shift();
    this.#forgotten++;
  }

  /** The first event since the mark that `match` accepts. */
  find(
    match: (event: QmpEvent) => boolean,
    since: number,
  ): QmpEvent | undefined {
    const from = Math.max(since - this.#forgotten, 0);
    return this.#events.slice(from).find(match);
  }
}
