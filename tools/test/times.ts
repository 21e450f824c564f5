/**
 * How long each job took in a real run: the longest are started first.
 *
 * @module
 */

const FILE = new URL("times.json", import.meta.url);

/** Seconds of each job, by its title. */
type Times = Readonly<Record<string, number>>;

function readTimes(): Times {
  return JSON.parse(Deno.readTextFileSync(FILE));
}

/** The longest first; before them the jobs without a known time. */
export function longestFirst<J extends { readonly title: string }>(
  jobs: readonly J[],
): J[] {
  const times = readTimes();
  const of = ({ title }: J) => times[title] ?? Infinity;
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
