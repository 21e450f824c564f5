/**
 * A QMP proxy in front of a real QEMU: it listens at the socket's own path, so
 * that the tool needs no option, and shows each message to a hook, which lets
 * it pass, changes it, answers it itself or ends something first.
 *
 * Like QEMU it serves one client at a time; others wait in the backlog.
 *
 * @module
 */

import type { Fd } from "../../lib/sys/fd.ts";
import { POLL } from "../../lib/sys/layout.ts";
import { poll, WakeUp } from "../../lib/sys/poll.ts";
import { receiveMessage } from "./receive_message.ts";
import { UnixListener } from "./unix_listener.ts";
import { UnixSocket } from "../../lib/sys/unix_socket.ts";

const FOREVER_MS = 2 ** 30;
const SEND_TIMEOUT_MS = 10_000;

/** One JSON message on its way. */
export interface ProxyMessage {
  /** 1, 2, … over both directions of this connection; 1 is the greeting. */
  readonly n: number;
  /** 1, 2, …: which client it is. */
  readonly connection: number;
  readonly direction: "to-qemu" | "to-client";
  /** As sent, without the line's end. */
  readonly text: string;
  /** The text, understood. */
  // deno-lint-ignore no-explicit-any -- a test reads it as it likes
  readonly message: any;
  /** Number of descriptors that travel with it, 0 or 1. */
  readonly fds: number;
}

/**
 * What becomes of a message. `replace`: another text in its place, with the
 * same descriptors; `answer`: nothing goes on, this goes back to the sender;
 * `cut`: both ends of the connection are closed instead.
 */
export type Verdict =
  | "pass"
  | "drop"
  | "cut"
  | { readonly replace: string }
  | { readonly answer: string };

/** Sees each message before it goes on. */
export type Hook = (message: ProxyMessage) => Verdict | Promise<Verdict>;

/** Sees each message after it went on, as it was before any replacement. */
export type SentHook = (message: ProxyMessage) => void | Promise<void>;

/** Who ended a connection: a peer, the hook, or whoever disposes the proxy. */
type End = "client" | "qemu" | "cut" | "over";

/** One client, and our own connection to QEMU made for it. */
interface Connection {
  readonly number: number;
  readonly client: UnixSocket;
  readonly qemu: UnixSocket;
  /** Ends the waiting of both directions. */
  readonly over: WakeUp;
  /** Of the last message. */
  n: number;
}

/** Owns the listener, the connections and the renamed socket file. */
export class QmpProxy implements AsyncDisposable {
  /** May be replaced at any time. */
  hook: Hook = () => "pass";
  /** May be replaced at any time. */
  sent: SentHook = () => {};
  /** How many clients were served or are being served. */
  connections = 0;
  readonly #path: string;
  readonly #listener: UnixListener;
  readonly #stop = new WakeUp();
  readonly #served: Promise<void>;

  private constructor(path: string, listener: UnixListener) {
    this.#path = path;
    this.#listener = listener;
    this.#served = this.#serve();
  }

  /**
   * Takes the place of a socket that QEMU listens on.
   *
   * @param path of the socket; QEMU's own is beside it until the end
   */
  static start(path: string): QmpProxy {
    Deno.renameSync(path, `${path}.real`);
    return new QmpProxy(path, UnixListener.bind(path));
  }

  /**
   * Gives the place back to QEMU; a client that is still there is cut off.
   * Idempotent.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stop.fd.isClosed) return;
    this.#stop.wake();
    try {
      await this.#served;
    } finally {
      this.#listener.close();
      this.#stop[Symbol.dispose]();
      Deno.renameSync(`${this.#path}.real`, this.#path);
    }
  }

  async #serve(): Promise<void> {
    while (await this.#readable(this.#listener.fd, this.#stop.fd)) {
      using client = await this.#listener.accept({ timeoutMs: 0 });
      const qemu = await this.#connect();
      // QEMU is gone: so is its listener, before the client sees its end.
      if (qemu === undefined) return this.#listener.close();
      const end = await this.#talk(client, qemu);
      if (end === "qemu" && await this.#isDead()) this.#listener.close();
      if (this.#listener.fd.isClosed) return;
    }
  }

  async #connect(): Promise<UnixSocket | undefined> {
    try {
      const timeoutMs = SEND_TIMEOUT_MS;
      return await UnixSocket.connect(`${this.#path}.real`, { timeoutMs });
    } catch (error) {
      if (/ECONNREFUSED/.test(String(error))) return undefined;
      throw error;
    }
  }

  /** Whether nobody listens behind us. */
  async #isDead(): Promise<boolean> {
    using probe = await this.#connect();
    return probe === undefined;
  }

  /** Serves one client; closes our connection to QEMU. */
  async #talk(client: UnixSocket, qemu: UnixSocket): Promise<End> {
    using over = new WakeUp();
    const number = ++this.connections;
    const connection = { number, client, qemu, over, n: 0 };
    const stopped = poll([over.fd, this.#stop.fd].map(readiness), FOREVER_MS)
      .then((): End => "over");
    const ends = [
      this.#pump(connection, "to-qemu"),
      this.#pump(connection, "to-client"),
      stopped,
    ];
    try {
      const first = await Promise.race(ends);
      over.wake();
      await Promise.all(ends);
      return first;
    } finally {
      over.wake();
      // All have left their waits before a descriptor is closed.
      await Promise.allSettled(ends);
      qemu.close();
    }
  }

  /** Passes one direction on until its sender, or the connection, ends. */
  async #pump(
    connection: Connection,
    direction: ProxyMessage["direction"],
  ): Promise<End> {
    const { client, qemu, over } = connection;
    const toQemu = direction === "to-qemu";
    const [from, to] = toQemu ? [client, qemu] : [qemu, client];
    const lines = new FdLines();
    try {
      while (await this.#readable(from.fd, over.fd)) {
        const received = lines.receive(from);
        if (received === "end") return toQemu ? "client" : "qemu";
        for (const { line, fds } of received) {
          const message = describe(connection, { direction, line, fds });
          const next = await this.#pass(message, { from, to, fds });
          if (next === "cut") return "cut";
        }
      }
      return "over";
    } catch (error) {
      // Whoever is killed in the middle of a message ends it so.
      if (/ECONNRESET/.test(String(error))) return toQemu ? "client" : "qemu";
      if (/EPIPE/.test(String(error))) return toQemu ? "qemu" : "client";
      throw error;
    } finally {
      lines[Symbol.dispose]();
    }
  }

  async #pass(
    message: ProxyMessage,
    { from, to, fds: [fd, ...more] }: {
      from: UnixSocket;
      to: UnixSocket;
      fds: readonly Fd[];
    },
  ): Promise<"cut" | "go on"> {
    try {
      if (more.length > 0) throw new Error("more than one fd with a message");
      const verdict = await this.hook(message);
      if (verdict === "cut") return "cut";
      if (verdict === "drop") return "go on";
      if (typeof verdict === "object" && "answer" in verdict) {
        await send(from, verdict.answer, undefined);
        return "go on";
      }
      await send(to, verdict === "pass" ? message.text : verdict.replace, fd);
      await this.sent(message);
      return "go on";
    } finally {
      for (const one of [fd, ...more]) one?.close();
    }
  }

  /** False when it is time to stop. */
  async #readable(fd: Fd, stop: Fd): Promise<boolean> {
    const [ready, stopped] = await poll([fd, stop].map(readiness), FOREVER_MS);
    return !stopped && Boolean(ready);
  }
}

/** Whole lines of a stream, each with the descriptors that came with it. */
class FdLines implements Disposable {
  readonly #decoder = new TextDecoder();
  readonly #buffer = new Uint8Array(65536);
  #pending = "";
  #fds: Fd[] = [];

  /** What is there; the descriptors are the caller's to close. */
  receive(from: UnixSocket): { line: string; fds: readonly Fd[] }[] | "end" {
    const got = receiveMessage(from.fd, this.#buffer);
    if (got === "would-block") return [];
    if (got.bytes === 0) return "end";
    this.#fds.push(...got.fds);
    const bytes = this.#buffer.subarray(0, got.bytes);
    this.#pending += this.#decoder.decode(bytes, { stream: true });
    const lines = this.#pending.split("\n");
    this.#pending = lines.pop() ?? "";
    return lines.map((line) => ({ line, fds: this.#fds.splice(0) }));
  }

  /** Closes descriptors whose line never became whole. */
  [Symbol.dispose](): void {
    for (const fd of this.#fds) fd.close();
  }
}

function readiness(fd: Fd) {
  return { fd, events: POLL.IN };
}

function describe(
  connection: Connection,
  { direction, line, fds }: {
    direction: ProxyMessage["direction"];
    line: string;
    fds: readonly Fd[];
  },
): ProxyMessage {
  const text = line.replace(/\r$/, "");
  return {
    n: ++connection.n,
    connection: connection.number,
    direction,
    text,
    message: JSON.parse(text),
    fds: fds.length,
  };
}

async function send(to: UnixSocket, text: string, fd: Fd | undefined) {
  const bytes = new TextEncoder().encode(`${text}\r\n`);
  await to.sendAll(bytes, { timeoutMs: SEND_TIMEOUT_MS, fd });
}

/** A QMP error for {@link Verdict}'s `answer`. */
export function refusal(
  { message }: ProxyMessage,
  desc: string,
  errorClass = "GenericError",
): Verdict {
  const error = { class: errorClass, desc };
  return { answer: JSON.stringify({ error, id: message.id }) };
}

/**
 * A hook that makes QEMU look as if it did not know some commands: they are
 * not listed, and refused as unknown.
 */
export function hiding(...commands: readonly string[]): Hook {
  const lists = new Set<string>();
  return (one) => {
    const { message, direction } = one;
    const key = `${one.connection} ${message.id}`;
    if (direction === "to-qemu") {
      if (message.execute === "query-commands") lists.add(key);
      if (!commands.includes(message.execute)) return "pass";
      const desc = `The command ${message.execute} has not been found`;
      return refusal(one, desc, "CommandNotFound");
    }
    if (!lists.delete(key) || !Array.isArray(message.return)) return "pass";
    const kept = message.return
      .filter(({ name }: { name: string }) => !commands.includes(name));
    return { replace: JSON.stringify({ ...message, return: kept }) };
  };
}
