/**
 * The messages that a session has received: sorted by content on arrival, kept
 * until they are asked for.
 *
 * @module
 */

import { QmpCommandError } from "./errors.ts";
import { EventLog } from "./event_log.ts";
import {
  MessageFramer,
  type QmpMessage,
  type QmpVersion,
  readMessage,
  textOf,
} from "./message.ts";

type Reply = Extract<QmpMessage, { kind: "return" | "error" }>;

/** The received side of a session. */
export class Inbox {
  /** All events, also those that come while a reply is awaited. */
  readonly events: EventLog = new EventLog();
  /** QEMU's version, once the greeting has come. */
  version: QmpVersion | undefined;
  /** Commands without a reply yet, in the order they were sent. */
  #awaited: number[] = [];
  readonly #replies = new Map<number, Reply>();
  readonly #framer = new MessageFramer();

  /**
   * Takes the next bytes of the stream.
   *
   * @param see gets the text of every message
   * @throws {QmpProtocolError} if they are not QMP
   */
  accept(chunk: Uint8Array, see?: (text: string) => void): void {
    for (const line of this.#framer.push(chunk)) {
      const text = textOf(line);
      const message = readMessage(line, text);
      see?.(text);
      this.#sort(message, line.length);
    }
  }

  /** From now on only the replies to these commands are kept. */
  expect(ids: readonly number[]): void {
    this.#awaited = [...ids];
    this.#replies.clear();
  }

  /**
   * The reply to a command that is expected.
   *
   * @param command named in the error
   * @returns undefined if it has not come yet
   * @throws {QmpCommandError} if the reply is an error, or an error came that
   * names no command
   */
  takeReply(id: number, command: string): { value: unknown } | undefined {
    const reply = this.#replies.get(id);
    if (reply?.kind !== "error") return reply;
    throw new QmpCommandError(command, reply.class, reply.desc);
  }

  #sort(message: QmpMessage, bytes: number) {
    switch (message.kind) {
      case "greeting":
        this.version ??= message.version;
        return;
      case "event":
        this.events.add(message.event, bytes);
        return;
      case "return":
      case "error":
        this.#keepReply(message);
        return;
      default:
        message satisfies never;
    }
  }
  /** Other replies answer a command that is not awaited any more. */
  #keepReply(reply: Reply) {
    const unnamed = reply.kind === "error" && reply.id == null;
    const id = unnamed
      ? this.#awaited[0]
      : this.#awaited.find((one) => one === reply.id);
    if (id === undefined) return;
    this.#awaited = this.#awaited.filter((one) => one !== id);
    this.#replies.set(id, reply);
  }
}
