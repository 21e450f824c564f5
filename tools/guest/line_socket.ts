/**
 * Lines over a unix socket: what QMP and the guest agent have in common.
 *
 * @module
 */

/** A connection that hands over each line it receives. */
export class LineSocket implements Disposable {
  readonly #connection: Deno.UnixConn;
  #closed = false;
  #tail: Promise<void> = Promise.resolve();

  /** Resolves when the peer, or {@link close}, ended the connection. */
  readonly ended: Promise<void>;

  private constructor(
    connection: Deno.UnixConn,
    onLine: (line: string) => void,
  ) {
    this.#connection = connection;
    this.ended = this.#read(onLine);
  }

  /**
   * Connects; every later line goes to `onLine`, without its line end.
   *
   * @throws {Deno.errors.NotFound | Deno.errors.ConnectionRefused}
   */
  static async connect(
    path: string,
    onLine: (line: string) => void,
  ): Promise<LineSocket> {
    const connection = await Deno.connect({ transport: "unix", path });
    return new LineSocket(connection, onLine);
  }

  /** Writes one line; two calls at once do not mix. */
  write(line: string): Promise<void> {
    const bytes = new TextEncoder().encode(`${line}\n`);
    const done = this.#tail.then(async () => {
      let sent = 0;
      while (sent < bytes.length) {
        sent += await this.#connection.write(bytes.subarray(sent));
      }
    });
    this.#tail = done.catch(() => {});
    return done;
  }

  /** Ends the connection; idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#connection.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #read(onLine: (line: string) => void): Promise<void> {
    const buffer = new Uint8Array(65536);
    const decoder = new TextDecoder();
    let pending = "";
    try {
      for (;;) {
        const size = await this.#connection.read(buffer);
        if (size === null) break;
        pending += decoder.decode(buffer.subarray(0, size), { stream: true });
        const lines = pending.split("\n");
        pending = lines.pop() ?? "";
        for (const line of lines) onLine(line.replace(/\r$/, ""));
      }
    } catch {
      // A read that close() cut off, or a killed peer: the end, either way.
    } finally {
      this.close();
    }
  }
}
