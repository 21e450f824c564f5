/**
 * A small QMP client for the tests' own questions. It shares nothing with
 * lib/qmp on purpose: it is what that one is checked against.
 *
 * @module
 */
import { PATIENCE_MS, within } from "./deadline.ts";
import { LineSocket } from "./line_socket.ts";

/** An asynchronous event, QMP specification section 2.5. */
export interface QmpEvent {
  readonly event: string;
  readonly data?: { readonly [key: string]: unknown };
}

/** QEMU answered with an error. */
export class TestQmpError extends Error {
  override readonly name = "TestQmpError";
  readonly class: string;
  readonly desc: string;

  constructor(command: string, fault: { class: string; desc: string }) {
    super(`${command}: ${fault.desc} (${fault.class})`);
    this.class = fault.class;
    this.desc = fault.desc;
  }
}

/** How {@link TestQmp.waitEvent} picks. */
export interface EventFilter {
  /** @default {@linkcode PATIENCE_MS} */
  readonly timeoutMs?: number;
  /** Only an event with this `data.device`. */
  readonly device?: string;
  /** Index in `events` to look from. @default 0: all since connecting */
  readonly since?: number;
}

interface Message {
  readonly id?: number;
  readonly QMP?: unknown;
  readonly event?: string;
  readonly return?: unknown;
  readonly error?: { class: string; desc: string };
}

/** One QMP session, past its greeting and `qmp_capabilities`. */
export class TestQmp implements Disposable {
  /** Every event since connecting, oldest first. */
  readonly events: QmpEvent[] = [];
  #socket!: LineSocket;
  #count = 0;
  readonly #greeting = Promise.withResolvers<void>();
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #listeners = new Set<() => void>();

  private constructor() {}

  /** @throws {TimeoutError} if another client holds the monitor. */
  static async connect(
    path: string,
    timeoutMs = PATIENCE_MS,
  ): Promise<TestQmp> {
    const qmp = new TestQmp();
    qmp.#socket = await LineSocket.connect(path, (line) => qmp.#take(line));
    try {
      await within(qmp.#greeting.promise, timeoutMs, `greeting on ${path}`);
      await qmp.execute("qmp_capabilities");
    } catch (error) {
      qmp[Symbol.dispose]();
      throw error;
    }
    return qmp;
  }

  /**
   * The `return` value of a command.
   *
   * @typeParam T what the caller knows it to be; not checked
   * @throws {TestQmpError} on an error answer
   * @throws {TimeoutError} after `timeoutMs` (default {@linkcode PATIENCE_MS})
   */
  async execute<T = unknown>(
    command: string,
    args?: Record<string, unknown>,
    timeoutMs = PATIENCE_MS,
  ): Promise<T> {
    const id = ++this.#count;
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#waiting.set(id, resolve);
    try {
      await this.#socket.write(
        JSON.stringify({ execute: command, arguments: args, id }),
      );
      const answer = await within(promise, timeoutMs, `answer to ${command}`);
      if (answer.error) throw new TestQmpError(command, answer.error);
      return answer.return as T;
    } finally {
      this.#waiting.delete(id);
    }
  }

  /** The output of a human monitor command. */
  async hmp(line: string): Promise<string> {
    return await this.execute<string>("human-monitor-command", {
      "command-line": line,
    });
  }

  /**
   * The first event of this name from `since` on, waiting if there is none.
   *
   * @throws {TimeoutError} after `timeoutMs`
   */
  async waitEvent(name: string, filter: EventFilter = {}): Promise<QmpEvent> {
    const { timeoutMs = PATIENCE_MS, device, since = 0 } = filter;
    const { promise, resolve } = Promise.withResolvers<QmpEvent>();
    const look = () => {
      const found = this.events.slice(since).find((e) =>
        e.event === name &&
        (device === undefined || e.data?.device === device)
      );
      if (found) resolve(found);
    };
    this.#listeners.add(look);
    try {
      look();
      return await within(promise, timeoutMs, `event ${name}`);
    } finally {
      this.#listeners.delete(look);
    }
  }

  /** Resolves when the socket is closed, as it is when QEMU has ended. */
  get ended(): Promise<void> {
    return this.#socket.ended;
  }

  /** Ends the session; QEMU's monitor place is free again. */
  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #take(line: string): void {
    const message = JSON.parse(line) as Message;
    if (message.QMP) this.#greeting.resolve();
    if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
    if (message.event === undefined) return;
    this.events.push(message as QmpEvent);
    for (const listener of this.#listeners) listener();
  }
}
