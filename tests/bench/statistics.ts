/**
 * The few numbers that stand for many.
 *
 * @module
 */

function sorted(values: readonly number[]): number[] {
  if (values.length === 0) throw new RangeError("Cannot summarise no values");
  return values.toSorted((a, b) => a - b);
}

/** The middle value; of an even number, the mean of the two. */
export function median(values: readonly number[]): number {
  const ranked = sorted(values);
  const upper = ranked.length >> 1;
  const lower = (ranked.length - 1) >> 1;
  return ((ranked[lower] ?? NaN) + (ranked[upper] ?? NaN)) / 2;
}

/**
 * The value that a share of all does not exceed (nearest rank).
 *
 * @param share above 0, at most 1
 */
export function quantile(values: readonly number[], share: number): number {
  const ranked = sorted(values);
  return ranked[Math.ceil(share * ranked.length) - 1] ?? NaN;
}

/**
 * Between which values the true median lies with a confidence of at least
 * 95 %, whatever the distribution: as many measured values are left out at
 * each end as a fair coin allows. With fewer than 6, from least to greatest.
 */
export function medianInterval(
  values: readonly number[],
): readonly [low: number, high: number] {
  const ranked = sorted(values);
  const count = ranked.length;
  let probability = 0.5 ** count;
  let tail = probability;
  let skipped = 0;
  while (2 * tail <= 0.05) {
    skipped++;
    probability *= (count - skipped + 1) / skipped;
    tail += probability;
  }
  const left = Math.max(skipped - 1, 0);
  return [ranked[left] ?? NaN, ranked[count - 1 - left] ?? NaN];
}
