/**
 * The tests, found by themselves, and what each needs: its folder tells.
 *
 * @module
 */

/** The needs of the tests of a folder, and how they are run. */
interface Folder {
  /**
   * `node`: root, and a network namespace of their own. `executable`: that,
   * what `tools/setup.ts` installs, and the built executable.
   */
  readonly needs: "nothing" | "node" | "executable";
  /** Whether all of its files are run in one process. */
  readonly files: "together" | "alone";
}

/** A folder that is not named here is a room of `lib`, or as undemanding. */
const FOLDERS: Readonly<Record<string, Folder>> = {
  sys: { needs: "node", files: "together" },
  host: { needs: "node", files: "together" },
  integration: { needs: "executable", files: "together" },
  qemu: { needs: "executable", files: "alone" },
  integrations: { needs: "executable", files: "alone" },
};

const ROOM: Folder = { needs: "nothing", files: "together" };

/** Is run only if it is asked for: needs more than CI should install. */
export const INTEGRATIONS = "integrations";

/** Test files that are run by one process. */
export interface TestJob {
  /** The key of its time: for files that are run together, their needs. */
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

/** The processes that run these files. */
export function testJobs(files: readonly string[]): TestJob[] {
  const jobs = new Map<string, TestJob>();
  for (const file of files) {
    const name = nameOf(file);
    const { needs, files: together } = FOLDERS[name] ?? ROOM;
    const title = together === "alone"
      ? file
      : needs === "executable"
      ? `tests/${name}`
      : `tests that need ${needs === "node" ? "the node" : needs}`;
    const others = jobs.get(title)?.files ?? [];
    jobs.set(title, { title, needs, files: [...others, file] });
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
