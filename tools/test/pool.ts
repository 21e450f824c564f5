/**
 * Runs several jobs at once, never more than a limit.
 *
 * @module
 */

/** Places for jobs that run at once, given in the order of the requests. */
export class Pool {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param width places; at least one */
  constructor(width: number) {
    this.#free = Math.max(width, 1);
  }

  /**
   * Runs all jobs, beside the jobs of earlier calls. If one fails, the others
   * still run.
   *
   * @returns results in the jobs' order
   */
  async runAll<J, R>(
    jobs: readonly J[],
    run: (job: J) => Promise<R>,
  ): Promise<R[]> {
    return await Promise.all(jobs.map((job) => this.#inPlace(() => run(job))));
  }

  async #inPlace<R>(run: () => Promise<R>): Promise<R> {
    if (this.#free > 0) this.#free--;
    else {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.push(resolve);
      await promise;
    }
    try {
      return await run();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
