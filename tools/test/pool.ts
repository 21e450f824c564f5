/**
 * Several things at once, never more than a limit.
 *
 * @module
 */

/** Runs all jobs, at most `width` at once; results in the jobs' order. */
export async function runAll<J, R>(
  jobs: readonly J[],
  run: (job: J) => Promise<R>,
  width: number,
): Promise<R[]> {
  const results: R[] = [];
  const queue = [...jobs.entries()];
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [index, job] = next;
      results[index] = await run(job);
    }
  };
  await Promise.all(Array.from({ length: Math.max(width, 1) }, worker));
  return results;
}
