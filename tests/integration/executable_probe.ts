/**
 * A small program to build, and a place to run it in.
 *
 * @module
 */

import { assertEquals } from "@std/assert";

/** Prints what it sees, as JSON; some first arguments make it do else. */
const PROBE = `
const [word, argument] = Deno.args;
if (word === "exit") Deno.exit(Number(argument));
if (word === "throw") throw new Error("thrown by the probe");
if (word === "wait") Deno.stdin.readSync(new Uint8Array(1));
const env = Deno.env.toObject();
const child = new Deno.Command("/usr/bin/env").outputSync().stdout;
const childEnv = new TextDecoder().decode(child).trim().split("\\n").sort();
const seen = { args: Deno.args, env, childEnv, cwd: Deno.cwd() };
console.log(JSON.stringify(seen));
`;

/** What the probe prints. */
export interface Seen {
  readonly args: string[];
  readonly env: Record<string, string>;
  readonly childEnv: string[];
  readonly cwd: string;
}

/** A scratch folder with empty folders in it and the probe's source. */
export class Scratch {
  readonly path = Deno.makeTempDirSync({ prefix: "executable-test-" });
  readonly main = `${this.path}/probe.ts`;
  readonly #clean = ["home", "cache", "tmp", "cwd"];

  constructor() {
    this.#clean.forEach((name) => Deno.mkdirSync(`${this.path}/${name}`));
    Deno.writeTextFileSync(this.main, PROBE);
  }

  /** An environment in which every folder that could be written is empty. */
  get env(): Record<string, string> {
    return {
      PATH: "/usr/bin:/bin",
      HOME: `${this.path}/home`,
      XDG_CACHE_HOME: `${this.path}/cache`,
      TMPDIR: `${this.path}/tmp`,
      KVM_HOTPLUG_RUN_DIR: "/run/x",
      GANETI_ROOTDIR: "/g",
      NO_COLOR: "1",
    };
  }

  get cwd(): string {
    return `${this.path}/cwd`;
  }

  /** Names of the files in the folders of {@linkcode env} and in the cwd. */
  files(): string[] {
    return this.#clean.flatMap((name) =>
      [...Deno.readDirSync(`${this.path}/${name}`)].map((entry) =>
        `${name}/${entry.name}`
      )
    ).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** How to run a program; it gets no other variables. */
export interface Run {
  readonly args?: string[];
  readonly env: Record<string, string>;
  readonly cwd: string;
}

/** Runs a program to its end. */
export function run(path: string, { args = [], env, cwd }: Run) {
  const options = { args, env, cwd, clearEnv: true };
  const { code, stdout, stderr } = new Deno.Command(path, options).outputSync();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}

/** Runs the probe, which must succeed in silence. */
export function see(path: string, how: Run): Seen {
  const { code, stdout, stderr } = run(path, how);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return JSON.parse(stdout);
}
