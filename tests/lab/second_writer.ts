/**
 * Somebody who knows no lock and writes the runtime file just while we write
 * ours, as Ganeti's noded can.
 *
 * @module
 */

import { basename } from "@std/path/posix";

/**
 * When it writes: as new content is being written beside the file, or in the
 * last moment before that is put in the file's place.
 */
export type Moment = "writing" | "replacing";

/**
 * Writes a runtime file anew each time that its moment comes, so often. Each
 * time one more word stands in its command line.
 */
export class SecondWriter implements Disposable {
  /** The words that it wrote. */
  readonly words: string[] = [];
  readonly #encode = TextEncoder.prototype.encode;

  constructor(path: string, times: number, moment: Moment = "writing") {
    const encode = this.#encode;
    const write = () => {
      const word = `-second-${this.words.length}`;
      const [command, ...rest] = JSON.parse(Deno.readTextFileSync(path));
      // Ours may be there for a moment: it had read the file before.
      const known = command.filter((one: string) => !/^-second/.test(one));
      // A list at once, so that our own writing does not call it again.
      this.words.push(word);
      const text = JSON.stringify([[...known, ...this.words], ...rest]);
      Deno.writeFileSync(`${path}.noded`, encode.call(new TextEncoder(), text));
      Deno.renameSync(`${path}.noded`, path);
    };
    let last = "";
    // Every path goes to the C library as text that is encoded.
    const isMoment = (text: string) =>
      moment === "writing"
        ? text.startsWith("[[")
        : text === `${basename(path)}\0` && last.endsWith(".new\0");
    TextEncoder.prototype.encode = function (text = "") {
      const bytes = encode.call(this, text);
      if (isMoment(text) && times-- > 0) write();
      last = text;
      return bytes;
    };
  }

  [Symbol.dispose]() {
    TextEncoder.prototype.encode = this.#encode;
  }
}
