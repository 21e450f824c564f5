/**
 * Several things at once, never more than a limit.
 *
 * @module
 */

/** Places for what runs at once: those who ask are served in their order. */
export class Pool {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param width places; at least one */
  constructor(width: number) {
    this.#free = Math.max(width, 1);
  }

  /**
   * Runs all jobs, beside those of earlier calls. After one has failed, the
   * others are run all the same.
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
