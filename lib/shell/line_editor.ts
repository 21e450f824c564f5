/**
 * Lines that a person types, with editing and history. Output between them does
 * not damage the line being typed. Node's readline does the work.
 *
 * @module
 */

import { MAX_LINES } from "./history.ts";
import { KeyStream } from "./key_stream.ts";

/** Options of a line editor. */
export interface EditorOptions {
  /** Shown before each line on a terminal. */
  readonly prompt: string;
  /** Earlier lines, oldest first. */
  readonly history: readonly string[];
  /** Possible words at the end of the line, and the text that they complete. */
  readonly complete: (line: string) => Promise<[string[], string]>;
  /** Ctrl-C was pressed. */
  readonly interrupted: () => void;
}

/** Owns stdin and stdout until it is closed. */
export interface LineEditor {
  /** Whether a person types. */
  readonly isTerminal: boolean;
  /** The next line, undefined at the end of the input. */
  next(): Promise<string | undefined>;
  /** Writes lines above the one that is being typed. */
  print(text: string): void;
  /** Discards the line being typed. */
  clear(): void;
  /** Gives stdin back; the next line is undefined. */
  close(): void;
}

/** Lines in the order of arrival. */
class Queue {
  readonly #lines: (string | undefined)[] = [];
  #waiting: ((line: string | undefined) => void) | undefined;

  put(line: string | undefined) {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#lines.push(line);
    else waiting(line);
  }

  take(): Promise<string | undefined> {
    if (this.#lines.length > 0) return Promise.resolve(this.#lines.shift());
    return new Promise((resolve) => this.#waiting = resolve);
  }
}

/** Opens an editor on this process's stdin and stdout. */
export async function openEditor(options: EditorOptions): Promise<LineEditor> {
  const readline = await import("node:readline");
  const { stdin, stdout } = await import("node:process");
  const isTerminal = Boolean(stdin.isTTY && stdout.isTTY);
  const keys = isTerminal ? await KeyStream.open(stdin) : undefined;
  const editor = readline.createInterface({
    input: keys?.input ?? stdin,
    output: stdout,
    terminal: isTerminal,
    prompt: isTerminal ? options.prompt : "",
    historySize: MAX_LINES,
    history: options.history.toReversed(),
    removeHistoryDuplicates: true,
    completer: (
      line: string,
      done: (error: Error | null, found: [string[], string]) => void,
    ) => {
      options.complete(line).then(
        (found) => done(null, found),
        () => done(null, [[], line]),
      ).finally(() => keys?.answered());
    },
  });
  const lines = new Queue();
  let asking = false;
  editor.on("line", (line) => lines.put(line));
  editor.on("close", () => {
    keys?.close();
    // Ctrl-D leaves the cursor after the prompt.
    if (isTerminal && asking) stdout.write("\n");
    lines.put(undefined);
  });
  editor.on("SIGINT", options.interrupted);
  return {
    isTerminal,
    async next() {
      asking = true;
      if (isTerminal) editor.prompt();
      const line = await lines.take();
      asking = false;
      return line;
    },
    print(text) {
      readline.cursorTo(stdout, 0);
      readline.clearScreenDown(stdout);
      stdout.write(text + "\n");
      if (asking) editor.prompt(true);
    },
    clear() {
      editor.write(null, { ctrl: true, name: "e" });
      editor.write(null, { ctrl: true, name: "u" });
      stdout.write("\n");
      if (asking) editor.prompt();
    },
    close: () => editor.close(),
  };
}
