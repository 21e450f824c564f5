/**
 * Somebody who knows no lock and writes the runtime file just while we write
 * ours, as Ganeti's noded can.
 *
 * @module
 */

/**
 * Writes a runtime file anew each time that new content is being written
 * beside it, so often. Each time one more word stands in its command line.
 */
export class SecondWriter implements Disposable {
  /** The words that it wrote. */
  readonly words: string[] = [];
  readonly #encode = TextEncoder.prototype.encode;

  constructor(path: string, times: number) {
    const encode = this.#encode;
    const write = () => {
      const word = `-second-${this.words.length}`;
      const [command, ...rest] = JSON.parse(Deno.readTextFileSync(path));
      const text = JSON.stringify([[...command, word], ...rest]);
      // A list at once, so that our own writing does not call it again.
      this.words.push(word);
      Deno.writeFileSync(`${path}.noded`, encode.call(new TextEncoder(), text));
      Deno.renameSync(`${path}.noded`, path);
    };
    TextEncoder.prototype.encode = function (text = "") {
      const bytes = encode.call(this, text);
      if (text.startsWith("[[") && times-- > 0) write();
      return bytes;
    };
  }

  [Symbol.dispose]() {
    TextEncoder.prototype.encode = this.#encode;
  }
}
