/**
 * Keys as they were pressed, one Tab at a time.
 *
 * Over a slow line several keys come at once. readline takes a Tab among others
 * for a pasted character, and would go on with what follows while it still
 * asks how to complete. So each Tab comes alone here, and the rest waits until
 * it was answered. A Tab within an escape sequence asks for nothing.
 *
 * @module
 */

import type { PassThrough } from "node:stream";

/** What of a terminal's input is used. */
export interface KeySource {
  /** Keys, and their end. */
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  /** Likewise. */
  on(event: "end", listener: () => void): unknown;
  /** Keeps the process from waiting for more. */
  pause(): unknown;
  /** Whether each key comes by itself. */
  setRawMode(isRaw: boolean): unknown;
}

const TAB = 0x09;
const CTRL_C = 0x03;

const ESC = "\x1b";
/**
 * What can follow Esc with more to come, as readline's emitKeys reads it:
 * behind Esc alone a Tab is Meta-Tab.
 */
const UNFINISHED = /^(?:O\d?|\[\[?\d{0,3}(?:;\d?)?)?$/;
/** Longer than any that is unfinished. */
const TAIL_BYTES = 12;

/** Bytes up to a Tab, the Tab, and so on. */
function pieces(chunk: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  let from = 0;
  for (let at = 0; at <= chunk.length; at++) {
    if (at < chunk.length && chunk[at] !== TAB) continue;
    if (at > from) found.push(chunk.subarray(from, at));
    if (at < chunk.length) found.push(chunk.subarray(at, at + 1));
    from = at + 1;
  }
  return found;
}

/** Whether the next key belongs to an escape sequence. */
function isInSequence(keys: string): boolean {
  const at = keys.lastIndexOf(ESC);
  return at >= 0 && UNFINISHED.test(keys.slice(at + 1));
}

/** What readline takes for a terminal. */
export type KeyInput = PassThrough & { isTTY?: boolean; setRawMode?: unknown };

/** An input for readline that goes on after a Tab only when it is told to. */
export class KeyStream {
  /** For readline. */
  readonly input: KeyInput;
  readonly #source: KeySource;
  readonly #queue: Uint8Array[] = [];
  #isWaiting = false;
  /** What readline was given last, a character a byte. */
  #tail = "";

  /** Takes the source over. */
  static async open(source: KeySource): Promise<KeyStream> {
    // A static import of it would cost every call 60 ms.
    const { PassThrough } = await import("node:stream");
    return new KeyStream(source, new PassThrough());
  }

  private constructor(source: KeySource, input: KeyInput) {
    this.#source = source;
    this.input = input;
    this.input.isTTY = true;
    this.input.setRawMode = (isRaw: boolean) => source.setRawMode(isRaw);
    source.on("data", (chunk) => {
      // Ctrl-C waits for nothing.
      if (chunk.includes(CTRL_C)) this.#isWaiting = false;
      this.#queue.push(...pieces(chunk));
      this.#flow();
    });
    source.on("end", () => this.input.end());
  }

  #flow() {
    while (!this.#isWaiting) {
      const piece = this.#queue.shift();
      if (piece === undefined) return;
      this.#isWaiting = piece[0] === TAB && !isInSequence(this.#tail);
      const last = String.fromCharCode(...piece.subarray(-TAIL_BYTES));
      this.#tail = (this.#tail + last).slice(-TAIL_BYTES);
      this.input.write(piece);
    }
  }

  /** A Tab was answered. */
  answered(): void {
    // readline first does what the answer says.
    queueMicrotask(() => {
      this.#isWaiting = false;
      this.#flow();
    });
  }

  /** Gives the source back. */
  close(): void {
    this.#source.setRawMode(false);
    this.#source.pause();
  }
}
