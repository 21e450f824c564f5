/**
 * Actions side by side, but one after the other for each key.
 *
 * @module
 */

/**
 * Runs actions of one key in their order, actions of different keys at once.
 */
export class KeyedQueue {
  readonly #last = new Map<string, Promise<void>>();

  /**
   * Runs an action when all earlier ones of its key have ended, failed or not.
   *
   * @param key undefined: it does not wait
   */
  async run<T>(
    key: string | undefined,
    action: () => Promise<T>,
  ): Promise<T> {
    if (key === undefined) return await action();
    const before = this.#last.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#last.set(key, promise);
    try {
      await before;
      return await action();
    } finally {
      resolve();
      if (this.#last.get(key) === promise) this.#last.delete(key);
    }
  }
}
