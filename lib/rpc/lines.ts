/**
 * Lines of a stream of bytes, each up to a maximal length.
 *
 * @module
 */

/** One line, or why it cannot be read. */
export type Line =
  | { readonly kind: "line"; readonly text: string }
  | { readonly kind: "too-long" }
  | { readonly kind: "not-utf8" };

const NEWLINE = 10;

/** The part of a line that is not complete yet. */
class Part {
  #chunks: Uint8Array[] = [];
  #length = 0;
  readonly #maxBytes: number;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** The bytes of a line that is too long are counted, not kept. */
  add(bytes: Uint8Array) {
    this.#length += bytes.length;
    if (this.#length > this.#maxBytes) this.#chunks = [];
    // A copy, so that its buffer can be freed.
    else this.#chunks.push(bytes.slice());
  }

  /** The line, if this was its end. */
  take(): Line {
    const chunks = this.#chunks;
    const tooLong = this.#length > this.#maxBytes;
    this.#chunks = [];
    this.#length = 0;
    if (tooLong) return { kind: "too-long" };
    const decoder = new TextDecoder("utf-8", { fatal: true });
    try {
      const parts = chunks.map((one) => decoder.decode(one, { stream: true }));
      return { kind: "line", text: parts.join("") + decoder.decode() };
    } catch {
      return { kind: "not-utf8" };
    }
  }
}

/** Options for reading lines. */
export interface LineOptions {
  /** A longer line is skipped and reported. */
  readonly maxBytes: number;
  /** Ends the reading at once. */
  readonly signal: AbortSignal;
}

async function* chunksOf(
  input: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const reader = input.getReader();
  const stop = () => void reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop);
  try {
    while (!signal.aborted) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** The lines of a stream, without line breaks; the last one may have none. */
export async function* readLines(
  input: ReadableStream<Uint8Array>,
  { maxBytes, signal }: LineOptions,
): AsyncGenerator<Line> {
  const part = new Part(maxBytes);
  for await (const chunk of chunksOf(input, signal)) {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      part.add(chunk.subarray(start, end < 0 ? chunk.length : end));
      if (end < 0) break;
      yield part.take();
      if (signal.aborted) return;
      start = end + 1;
    }
  }
  if (!part.isEmpty && !signal.aborted) yield part.take();
}
