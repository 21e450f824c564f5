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

type Reply = Extract<QmpMessage, { kind: "return" | "error" }>;

/** The received side of a session. */
export class Inbox {
  readonly events: EventLog = new EventLog();
  #version: QmpVersion | undefined;
  #awaited: string | undefined;
  #reply: Reply | undefined;
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
      this.#sort(message, line.length);
    }
  }

  /** From now on the reply to this command is kept, and no other. */
  expect(id: string): void {
    this.#awaited = id;
    this.#reply = undefined;
  }

  /**
   * The reply that is expected.
   *
   * @param command named in the error
   * @returns undefined if it has not come yet
   * @throws {QmpCommandError} if the reply is an error, or an error came that
   * names no command
   */
  takeReply(command: string): { value: unknown } | undefined {
    const reply = this.#reply;
    if (reply === undefined) return undefined;
    this.#reply = undefined;
    this.#awaited = undefined;
    if (reply.kind !== "error") return reply;
    throw new QmpCommandError(command, reply.class, reply.desc);
  }

  #sort(message: QmpMessage, bytes: number) {
    switch (message.kind) {
      case "greeting":
        this.#version ??= message.version;
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
  /** The first reply that fits; others answer what is no longer awaited. */
  #keepReply(reply: Reply) {
    const unnamed = reply.kind === "error" && reply.id == null;
    const fits = this.#awaited !== undefined &&
      (unnamed || reply.id === this.#awaited);
    if (fits) this.#reply ??= reply;
  }
}
