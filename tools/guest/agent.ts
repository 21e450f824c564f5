/**
 * The host's side of the command agent (its other side is init.ts).
 *
 * @module
 */
import { within } from "./deadline.ts";
import { LineSocket } from "./line_socket.ts";

/** A command that was not answered for so long is said again. */
const RESEND_MS = 10_000;

/** The result of a command in the guest. */
export interface GuestResult {
  /** Exit status of the shell; 137 if it was killed at the time limit. */
  readonly status: number;
  /** stdout and stderr together, as UTF-8. */
  readonly output: string;
}

/** Runs commands in the guest, one after the other. */
export class GuestAgent implements Disposable {
  #socket!: LineSocket;
  #count = 0;
  readonly #waiting = new Map<string, (result: GuestResult) => void>();
  readonly #ready = Promise.withResolvers<void>();
  // A guest restored from a saved state may still answer a question from before
  // it was saved: ids of one connection differ from the ids of another.
  readonly #prefix = crypto.randomUUID().slice(0, 8);

  readonly #resendMs: number;

  private constructor(resendMs: number) {
    this.#resendMs = resendMs;
  }

  /**
   * Connects to the serial line's socket; the guest may not be up yet.
   *
   * @param options.resendMs after it a command is said again
   */
  static async connect(
    path: string,
    { resendMs = RESEND_MS } = {},
  ): Promise<GuestAgent> {
    const agent = new GuestAgent(resendMs);
    agent.#socket = await LineSocket.connect(path, (l) => agent.#take(l));
    return agent;
  }

  /** Resolves when the guest says that its agent has started. */
  async booted(timeoutMs: number): Promise<void> {
    await within(this.#ready.promise, timeoutMs, "READY from the guest");
  }

  /** Ends a line that an earlier host may have left half written. */
  async resync(): Promise<void> {
    await this.#socket.write("");
  }

  /**
   * Runs a shell command.
   *
   * @throws {TimeoutError} if the guest does not answer; a command that
   * merely takes longer than `timeoutMs` is killed (status 137).
   */
  async run(command: string, timeoutMs: number): Promise<GuestResult> {
    const id = `${this.#prefix}-${++this.#count}`;
    const { promise, resolve } = Promise.withResolvers<GuestResult>();
    this.#waiting.set(id, resolve);
    const code = new TextEncoder().encode(command).toBase64();
    const seconds = Math.ceil(timeoutMs / 1000);
    const line = `${id} ${seconds} ${code}`;
    await this.#socket.write(line);
    // An emulated serial line under load may lose what was written.
    const resend = setInterval(() => {
      console.error(`guest: no answer yet, said again: ${command}`);
      this.resync().then(() => this.#socket.write(line)).catch(() => {});
    }, this.#resendMs);
    try {
      // The guest's clock gets its chance to end the command first.
      const limitMs = seconds * 1000 + 3000;
      return await within(promise, limitMs, `answer to "${command}"`);
    } finally {
      clearInterval(resend);
      this.#waiting.delete(id);
    }
  }

  /** Resolves when the socket is closed, as it is when QEMU has ended. */
  get ended(): Promise<void> {
    return this.#socket.ended;
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #take(line: string): void {
    if (line === "READY") this.#ready.resolve();
    const [id = "", status, output = ""] = line.split(" ");
    const bytes = this.#waiting.has(id) ? Uint8Array.fromBase64(output) : null;
    if (bytes === null) return;
    this.#waiting.get(id)?.({
      status: Number(status),
      output: new TextDecoder().decode(bytes),
    });
  }
}
