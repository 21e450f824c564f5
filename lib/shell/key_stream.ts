/**
 * Pressed keys, one Tab at a time.
 *
 * Over a slow line several keys arrive at once. readline takes a Tab among
 * other keys as a pasted character, and would go on with the next keys while it
 * still asks how to complete. So each Tab arrives alone here, and the other
 * keys wait until it was answered. A Tab within an escape sequence asks for
 * nothing.
 *
 * @module
 */

import type { PassThrough } from "node:stream";

/** The used parts of a terminal's input. */
export interface KeySource {
  /** Keys, and their end. */
  on(event: "data", listener: (chunk: Uint8Array) => void): unknown;
  /** The end of the input. */
  on(event: "end", listener: () => void): unknown;
  /** Lets the process end although the input is open. */
  pause(): unknown;
  /** Whether each key arrives by itself. */
  setRawMode(isRaw: boolean): unknown;
}

const TAB = 0x09;
const CTRL_C = 0x03;

const ESC = "\x1b";
/**
 * The beginnings of longer sequences after Esc, as in readline's emitKeys: a
 * Tab directly after Esc is Meta-Tab.
 */
const UNFINISHED = /^(?:O\d?|\[\[?\d{0,3}(?:;\d?)?)?$/;
/** Longer than any unfinished sequence. */
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

/** The form of a terminal for readline. */
export type KeyInput = PassThrough & { isTTY?: boolean; setRawMode?: unknown };

/** An input for readline that goes on after a Tab only on request. */
export class KeyStream {
  /** For readline. */
  readonly input: KeyInput;
  readonly #source: KeySource;
  readonly #queue: Uint8Array[] = [];
  #isWaiting = false;
  /** The last input of readline, a character a byte. */
  #tail = "";

  /** Takes the source over. */
  static async open(source: KeySource): Promise<KeyStream> {
    // A static import would cost every call 60 ms.
    const { PassThrough } = await import("node:stream");
    return new KeyStream(source, new PassThrough());
  }

  private constructor(source: KeySource, input: KeyInput) {
    this.#source = source;
    this.input = input;
    this.input.isTTY = true;
    this.input.setRawMode = (isRaw: boolean) => source.setRawMode(isRaw);
    source.on("data", (chunk) => {
      // Ctrl-C does not wait.
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
    // readline first carries out the answer.
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
