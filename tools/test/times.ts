/**
 * How long each job took in a real run: the longest are started first.
 *
 * @module
 */

const FILE = new URL("times.json", import.meta.url);

/** Seconds of each test file that may have a process of its own, and of each
 * job of others, by its title. */
export type Times = Readonly<Record<string, number>>;

/** The times of the last run that noted them. */
export function readTimes(): Times {
  return JSON.parse(Deno.readTextFileSync(FILE));
}

/** The longest first; before them the jobs without a known time. */
export function longestFirst<
  J extends { readonly title: string; readonly files: readonly string[] },
>(jobs: readonly J[], times: Times): J[] {
  const of = ({ title, files }: J) => {
    const known = times[title];
    if (known !== undefined) return known;
    if (files.length === 0) return Infinity;
    return files.reduce((sum, file) => sum + (times[file] ?? Infinity), 0);
  };
  return jobs.toSorted((a, b) => of(a) === of(b) ? 0 : of(b) - of(a));
}

/** A job that was run. */
interface Ran {
  readonly title: string;
  readonly seconds: number;
}

/**
 * Notes how long jobs took.
 *
 * @param others what becomes of the times of jobs that were not run
 */
export function writeTimes(
  jobs: readonly Ran[],
  others: "keep" | "forget",
): void {
  const taken = jobs.map(({ title, seconds }) => [title, Math.ceil(seconds)]);
  const times: Times = {
    ...others === "keep" ? readTimes() : {},
    ...Object.fromEntries(taken),
  };
  const sorted = Object.entries(times).sort(([, a], [, b]) => b - a);
  const text = JSON.stringify(Object.fromEntries(sorted), null, 2);
  Deno.writeTextFileSync(FILE, `${text}\n`);
}
