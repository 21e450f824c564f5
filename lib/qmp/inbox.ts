/**
 * What a session has received: sorted by content as it comes, kept until it is
 * asked for.
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
} from "./message.ts";

/** The received side of a session. */
export class Inbox {
  readonly events: EventLog = new EventLog();
  #version: QmpVersion | undefined;
  #replies: QmpMessage[] = [];
  readonly #framer = new MessageFramer();

  /** QEMU's version, once the greeting has come. */
  get version(): QmpVersion | undefined {
    return this.#version;
  }

  /**
   * Takes the next bytes of the stream.
   *
   * @param see is shown every message's text
   * @throws {QmpProtocolError} if they are no QMP
   */
  accept(chunk: Uint8Array, see: (text: string) => void): void {
    for (const line of this.#framer.push(chunk)) {
      const message = readMessage(line);
      see(new TextDecoder().decode(line));
      this.#sort(message);
    }
  }

  /**
   * The reply to a command; replies to commands that are no longer awaited
   * are dropped.
   *
   * @returns undefined if it has not come yet
   * @throws {QmpCommandError} if the reply is an error, or an error came that
   * names no command
   */
  takeReply(id: string, command: string): { value: unknown } | undefined {
    const replies = this.#replies;
    this.#replies = [];
    for (const reply of replies) {
      if (reply.kind === "error" && (reply.id === id || reply.id == null)) {
        throw new QmpCommandError(command, reply.class, reply.desc);
      }
      if (reply.kind === "return" && reply.id === id) return reply;
    }
    return undefined;
  }

  #sort(message: QmpMessage) {
    switch (message.kind) {
      case "greeting":
        this.#version ??= message.version;
        return;
      case "event":
        this.events.add(message.event);
        return;
      case "return":
      case "error":
        this.#replies.push(message);
        return;
      default:
        message satisfies never;
    }
  }
}
