/**
 * The tests, found by themselves, and what each needs: its folder tells.
 *
 * @module
 */

import type { Times } from "./times.ts";

/** The needs of the tests of a folder, and how they are run. */
interface Folder {
  /**
   * `node`: root, and a network namespace of their own. `executable`: that,
   * what `tools/setup.ts` installs, and the built executable.
   */
  readonly needs: "nothing" | "node" | "executable";
  /**
   * The processes for its files: one for them all, one for each, or one for
   * as many as take about {@linkcode SHARE_SECONDS}.
   */
  readonly files: "together" | "alone" | "shared out";
}

/** A folder that is not named here is a room of `lib`, or as undemanding. */
const FOLDERS: Readonly<Record<string, Folder>> = {
  sys: { needs: "node", files: "together" },
  host: { needs: "node", files: "together" },
  integration: { needs: "executable", files: "shared out" },
  qemu: { needs: "executable", files: "shared out" },
  integrations: { needs: "executable", files: "alone" },
};

/**
 * Seconds of a process that runs several files. More would let processors wait
 * for the last process; with less, more processes load the same modules.
 */
const SHARE_SECONDS = 60;

const ROOM: Folder = { needs: "nothing", files: "together" };

/** Is run only if it is asked for: needs more than CI should install. */
export const INTEGRATIONS = "integrations";

/** Test files that are run by one process. */
export interface TestJob {
  /** Its one file, or what its files have in common. */
  readonly title: string;
  readonly needs: Folder["needs"];
  /** Paths from the project's folder. */
  readonly files: readonly string[];
}

/** All test files at or below a path of the project, in a fixed order. */
export function testFiles(root: string, path: string): string[] {
  if (!Deno.statSync(`${root}/${path}`).isDirectory) return [path];
  return [...Deno.readDirSync(`${root}/${path}`)].flatMap((entry) => {
    const below = `${path}/${entry.name}`;
    if (entry.isDirectory) return testFiles(root, below);
    return entry.name.endsWith("_test.ts") ? [below] : [];
  }).sort();
}

/** The folder of `tests` that a file is in. */
function nameOf(file: string): string {
  return /^tests\/(\w+)\//.exec(file)?.[1] ?? "";
}

/** Whether a file is in the folder that must be asked for. */
export function isIntegration(file: string): boolean {
  return nameOf(file) === INTEGRATIONS;
}

/**
 * Files put together so that each part takes about {@linkcode SHARE_SECONDS}: a
 * part has the longest file that is left, then those that still fit.
 */
function shares(files: readonly string[], times: Times): string[][] {
  const secondsOf = (file: string) => times[file] ?? SHARE_SECONDS;
  const parts: { seconds: number; files: string[] }[] = [];
  const longest = files.toSorted((a, b) => secondsOf(b) - secondsOf(a));
  for (const file of longest) {
    const seconds = secondsOf(file);
    const part = parts.find((one) => one.seconds + seconds <= SHARE_SECONDS);
    if (part === undefined) parts.push({ seconds, files: [file] });
    else {
      part.seconds += seconds;
      part.files.push(file);
    }
  }
  return parts.map((part) => part.files.sort());
}

/** How files are put together. */
export interface Known {
  /** Seconds of files. @default nothing is known */
  readonly times?: Times;
  /** `apart`: each file that is not always run with others. @default "shares" */
  readonly by?: "shares" | "apart";
}

/** The processes of a folder, by their titles. */
function partsOf(
  name: string,
  files: readonly string[],
  { times = {}, by = "shares" }: Known,
): (readonly [title: string, files: readonly string[]])[] {
  const { needs, files: how } = FOLDERS[name] ?? ROOM;
  const title = `tests that need ${needs === "node" ? "the node" : needs}`;
  if (how === "together") return [[title, files]];
  const parts = how === "shared out" && by === "shares"
    ? shares(files, times)
    : files.map((file) => [file]);
  return parts.map((part, k) => [`tests/${name}, part ${k + 1}`, part]);
}

/** The processes that run these files. */
export function testJobs(
  files: readonly string[],
  known: Known = {},
): TestJob[] {
  const jobs = new Map<string, TestJob>();
  for (const [name, those] of Map.groupBy(files, nameOf)) {
    const { needs } = FOLDERS[name] ?? ROOM;
    for (const [title, part] of partsOf(name, those, known)) {
      const others = jobs.get(title)?.files ?? [];
      jobs.set(title, { title, needs, files: [...others, ...part] });
    }
  }
  return [...jobs.values()].map((job) => {
    const [first = "", ...others] = job.files;
    return others.length === 0 ? { ...job, title: first } : job;
  });
}

/** The files of all folders but the one that must be asked for. */
export function ordinaryTests(root: string): string[] {
  return testFiles(root, "tests")
    .filter((file) => !isIntegration(file));
}
