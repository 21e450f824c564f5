/**
 * A real terminal of 80 columns, by tmux: what a person types and sees.
 *
 * @module
 */

import { until } from "../../tools/guest/deadline.ts";

/** A program in a terminal, and what it is given of its environment. */
function inTerminal(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): string[] {
  return [
    ...["env", "-i", "TERM=screen", "LC_ALL=C.UTF-8"],
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    ...command,
  ];
}

/** Whether a process of these sessions is left: proc_pid_stat(5), field 6. */
function isAnyOf(sessions: readonly string[]): boolean {
  return sessions.length > 0 &&
    [...Deno.readDirSync("/proc")].some(({ name }) => {
      if (!/^\d+$/.test(name)) return false;
      try {
        const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
        // The name before may have blanks and brackets of its own.
        const [state, , , session = ""] = stat.slice(stat.lastIndexOf(")") + 2)
          .split(" ");
        return state !== "Z" && sessions.includes(session);
      } catch {
        // It has ended.
        return false;
      }
    });
}

/** A tmux server of its own with one shell in it. Disposing kills both. */
export class TestTerminal implements AsyncDisposable {
  readonly #socket: string;
  readonly #pane: string;

  private constructor(socket: string, pane: string) {
    this.#socket = socket;
    this.#pane = pane;
  }

  /** Starts a program in a terminal; only `env` is its environment. */
  static async start(
    command: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<TestTerminal> {
    const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-tmux-" });
    const terminal = new TestTerminal(`${folder}/socket`, ":0.0");
    await terminal.#tmux(
      ...["new-session", "-d", "-x", "80", "-y", "40"],
      ...inTerminal(command, env),
    );
    return terminal;
  }

  /** The same in a second pane, below; it goes with the first one. */
  async split(
    command: readonly string[],
    env: Readonly<Record<string, string>>,
  ): Promise<Omit<TestTerminal, typeof Symbol.asyncDispose | "split">> {
    await this.#tmux("split-window", "-d", "-v", ...inTerminal(command, env));
    return new TestTerminal(this.#socket, ":0.1");
  }

  async #tmux(...args: readonly string[]): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command("tmux", {
      args: ["-f", "/dev/null", "-S", this.#socket, ...args],
    }).output();
    if (success) return new TextDecoder().decode(stdout);
    throw new Error(new TextDecoder().decode(stderr));
  }

  /** Types text to the letter. */
  async type(text: string): Promise<void> {
    await this.#tmux("send-keys", "-t", this.#pane, "-l", "--", text);
  }

  /** Presses keys by tmux's names: `Enter`, `Tab`, `C-c`, `Up`. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux("send-keys", "-t", this.#pane, "--", ...keys);
  }

  /** What can be seen, without blanks at the ends of lines. */
  async screen(): Promise<string> {
    return (await this.#tmux("capture-pane", "-t", this.#pane, "-p")).trimEnd();
  }

  /** The same with each line as it was written, however many rows it took. */
  async lines(): Promise<string> {
    return await this.#tmux("capture-pane", "-t", this.#pane, "-p", "-J");
  }

  /** Waits until the screen matches; returns it. */
  async see(pattern: RegExp): Promise<string> {
    return await this.#await(pattern, () => this.screen());
  }

  /** Waits until a line matches, however many rows it took. */
  async seeLine(pattern: RegExp): Promise<string> {
    return await this.#await(pattern, () => this.lines());
  }

  async #await(pattern: RegExp, read: () => Promise<string>) {
    let text = "";
    try {
      return await until(async () => {
        text = await read();
        return pattern.test(text) ? text : undefined;
      }, {
        what: String(pattern),
        everyMs: 50,
      });
    } catch (error) {
      throw new Error(`${error}; the screen:\n${text}`, { cause: error });
    }
  }

  /** Its programs have ended then, and leave nothing in a test's folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    // The server may have gone with its last program.
    const panes = await this.#tmux("list-panes", "-a", "-F", "#{pane_pid}")
      .catch(() => "");
    await this.#tmux("kill-server").catch(() => undefined);
    const sessions = panes.split("\n").filter((pid) => pid !== "");
    await until(
      () => Promise.resolve(isAnyOf(sessions) ? undefined : true),
      { what: "end of the terminal's programs", everyMs: 5 },
    );
    await Deno.remove(this.#socket.replace(/\/socket$/, ""), {
      recursive: true,
    });
  }
}
