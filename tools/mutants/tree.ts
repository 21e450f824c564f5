/**
 * Copies of the project, to put faults into.
 *
 * @module
 */

import { run } from "../guest/run.ts";

const PARTS = [
  ...["main.ts", "deno.json", "deno.lock", "lib", "tests", "tools"],
  // Tests read them.
  ...["docs", "integrations"],
];

/**
 * The tool, run from a copy's source: a fault need not be built. Some tests give
 * it no environment.
 */
const TOOL = `#!/bin/sh
exec "${Deno.execPath()}" run -A --no-check --quiet \${MUTANTS_COVERAGE:+--coverage=$MUTANTS_COVERAGE} \\
  --config "\${0%/dist/*}/deno.json" "\${0%/dist/*}/main.ts" "$@"
`;

/** A copy; disposing removes it. */
export interface Tree extends AsyncDisposable {
  readonly path: string;
  /** Gives a file of it, and of no other copy, another text. */
  write(file: string, text: string): Promise<void>;
}

/** Places that are free, in the order they were left. */
const places: string[] = [];
const inUse = new Set<string>();

/** Removes all copies: this process is about to end. */
export function removeTrees(): void {
  for (const path of inUse) Deno.removeSync(path, { recursive: true });
}

/**
 * Copies the project. Each copy is a new one, but at a place of few: Deno keeps
 * what it has read by path.
 *
 * @param how `links`: of a copy, with which it shares its files
 */
export async function makeTree(
  root: string,
  how: "links" | "files" = "links",
): Promise<Tree> {
  const path = places.pop() ??
    await Deno.makeTempDir({ prefix: "kvm-hotplug-mutant-" });
  inUse.add(path);
  await Deno.mkdir(path, { recursive: true });
  const parts = PARTS.map((part) => `${root}/${part}`);
  await run("cp", [how === "links" ? "-al" : "-a", ...parts, path]);
  await Deno.mkdir(`${path}/dist`);
  await Deno.writeTextFile(`${path}/dist/kvm-hotplug`, TOOL, { mode: 0o755 });
  return {
    path,
    async write(file, text) {
      await Deno.remove(`${path}/${file}`);
      await Deno.writeTextFile(`${path}/${file}`, text);
    },
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true });
      inUse.delete(path);
      places.push(path);
    },
  };
}

/** The text of each TypeScript file that tests may run, in a fixed order. */
export async function sourcesOf(root: string): Promise<[string, string][]> {
  const found: [string, string][] = [];
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      const path = `${folder}/${name}`;
      if (isDirectory) await walk(path);
      else if (name.endsWith(".ts")) {
        found.push([path.slice(root.length), await Deno.readTextFile(path)]);
      }
    }
  };
  for (const folder of ["lib", "tests"]) await walk(`${root}/${folder}`);
  return found.sort(([a], [b]) => a < b ? -1 : 1);
}
