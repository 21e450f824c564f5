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

/** A test file's measure, and the sources it was of. */
interface Measure {
  readonly seconds: number;
  readonly lines: Readonly<Record<string, readonly number[]>>;
  /** Hash of each file of `lines`. */
  readonly hashes: Readonly<Record<string, string>>;
}

/** A measure is repeated after this time. */
const KEEP_MS = 7 * 24 * 3600 * 1000;

/** A test that failed is measured again after so long. */
const RETRY_MS = 3600 * 1000;

/**
 * Runs each test file by itself in a copy of the tree. One that fails there is
 * told, and is left out.
 *
 * It is measured again when its own text has changed. When only what it runs
 * has, it counts for each line of that file: measuring them all takes longer
 * than trying some faults.
 */
export async function coverageOf(
  { root, tests, log }: {
    root: string;
    tests: readonly string[];
    log: (line: string) => void;
  },
): Promise<Coverage> {
  const texts = new Map(
    (await sourcesOf(root)).map(([file, text]) => [file.slice(1), text]),
  );
  const folder = `${await cacheFolder()}/coverage`;
  await Deno.mkdir(folder, { recursive: true });
  await removeOld(folder);
  const measured = await new Pool(WIDTH).runAll(tests, async (test) => {
    const text = await shortHash(texts.get(test) ?? "");
    const file = `${folder}/${test.replaceAll("/", "-")}-${text}.json`;
    await makeOnce(file, async (temporary) => {
      log(`measure what ${test} runs`);
      const one = await measure(root, test);
      if (one === null) log(`left out, as it fails here: ${test}`);
      await Deno.writeTextFile(temporary, JSON.stringify(one));
    });
    const one: Measure | null = JSON.parse(await Deno.readTextFile(file));
    if (one !== null) return [[test, await linesNow(one, texts)] as const];
    // What made it fail may have been of that moment.
    const { mtime } = await Deno.stat(file);
    if (Date.now() - (mtime?.getTime() ?? 0) > RETRY_MS) {
      await Deno.remove(file);
    }
    return [];
  });
  return Object.fromEntries(measured.flat());
}

/** A measure as it holds for these sources. */
export async function linesNow(
  { seconds, lines, hashes }: Measure,
  texts: ReadonlyMap<string, string>,
): Promise<Coverage[string]> {
  const now = Object.entries(lines).map(async ([path, some]) => {
    const text = texts.get(path);
    if (text === undefined) return [path, []] as const;
    const isSame = await shortHash(text) === hashes[path];
    const all = () => text.split("\n").map((_, k) => k + 1);
    return [path, isSame || some.length === 0 ? some : all()] as const;
  });
  return { seconds, lines: Object.fromEntries(await Promise.all(now)) };
}

async function removeOld(folder: string): Promise<void> {
  for await (const { name } of Deno.readDir(folder)) {
    const { mtime } = await Deno.stat(`${folder}/${name}`);
    if (Date.now() - (mtime?.getTime() ?? 0) < KEEP_MS) continue;
    await Deno.remove(`${folder}/${name}`);
  }
}

async function measure(
  root: string,
  test: string,
): Promise<Measure | null> {
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
  const lines = readLcov(text, tree.path);
  const hashes = Object.keys(lines).map(async (path) =>
    [path, await shortHash(await Deno.readTextFile(`${root}/${path}`))] as const
  );
  return {
    seconds,
    lines,
    hashes: Object.fromEntries(await Promise.all(hashes)),
  };
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
