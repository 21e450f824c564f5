/**
 * Which test files run which lines of a room: measured once, then kept.
 *
 * @module
 */

import { cacheFolder, makeOnce, shortHash } from "../guest/cache.ts";
import { Pool } from "../test/pool.ts";
import { runAlone, WIDTH } from "./run.ts";
import { makeTree, sourcesOf } from "./tree.ts";

/** Test files, and what Deno saw each of them run. */
export interface Coverage {
  /** By test file: seconds it takes, and by file of `lib` the lines it runs. */
  readonly [test: string]: {
    readonly seconds: number;
    readonly lines: Readonly<Record<string, readonly number[]>>;
  };
}

/** For one test file without a fault: a third of the longest time. */
const EXPECTED_SECONDS = 40;

/**
 * Runs each test file by itself in a copy of the tree. One that fails there is
 * told, and is left out.
 */
export async function coverageOf(
  { root, tests, log }: {
    root: string;
    tests: readonly string[];
    log: (line: string) => void;
  },
): Promise<Coverage> {
  // A change of one test changes nothing of what the others run.
  const sources = await sourcesOf(root);
  const shared = sources.filter(([file]) => !file.endsWith("_test.ts"));
  const own = new Map(sources);
  const cache = await cacheFolder();
  const folder = `${cache}/coverage-${await shortHash(JSON.stringify(shared))}`;
  await Deno.mkdir(folder, { recursive: true });
  await removeOld(cache);
  const measured = await new Pool(WIDTH).runAll(tests, async (test) => {
    const text = await shortHash(own.get(`/${test}`) ?? "");
    const file = `${folder}/${test.replaceAll("/", "-")}-${text}.json`;
    await makeOnce(file, async (temporary) => {
      log(`measure what ${test} runs`);
      const one = await measure(root, test);
      if (one === null) log(`left out, as it fails here: ${test}`);
      await Deno.writeTextFile(temporary, JSON.stringify(one));
    });
    return [test, JSON.parse(await Deno.readTextFile(file))] as const;
  });
  return Object.fromEntries(measured.filter(([, one]) => one !== null));
}

/** What was measured of other sources is kept for so long. */
const KEEP_MS = 7 * 24 * 3600 * 1000;

async function removeOld(cache: string): Promise<void> {
  for await (const { name } of Deno.readDir(cache)) {
    if (!name.startsWith("coverage-")) continue;
    const { mtime } = await Deno.stat(`${cache}/${name}`);
    if (Date.now() - (mtime?.getTime() ?? 0) < KEEP_MS) continue;
    await Deno.remove(`${cache}/${name}`, { recursive: true });
  }
}

async function measure(
  root: string,
  test: string,
): Promise<Coverage[string] | null> {
  await using tree = await makeTree(root);
  const data = `${tree.path}/coverage`;
  const begin = performance.now();
  const group = { files: [test], seconds: EXPECTED_SECONDS };
  const { success } = await runAlone(tree.path, group, { coverage: data });
  if (!success) return null;
  const seconds = (performance.now() - begin) / 1000;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["coverage", "--lcov", "--quiet", data],
    cwd: tree.path,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder().decode(stdout);
  return { seconds, lines: readLcov(text, tree.path) };
}

/** The lines that were run, by file from `root`. */
export function readLcov(text: string, root: string) {
  const lines: Record<string, number[]> = {};
  let now: number[] = [];
  for (const line of text.split("\n")) {
    const [, file] = /^SF:(.*)$/.exec(line) ?? [];
    if (file !== undefined) {
      now = [];
      const path = file.replace(/^file:\/\//, "").replace(`${root}/`, "");
      if (path.startsWith("lib/")) lines[path] = now;
    }
    const [, number, count] = /^DA:(\d+),(\d+)/.exec(line) ?? [];
    if (Number(count) > 0) now.push(Number(number));
  }
  return lines;
}
