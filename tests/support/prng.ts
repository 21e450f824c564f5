/**
 * Random cases that can be had again: a failure names its seed, and
 * `KVM_HOTPLUG_FUZZ_SEED` gives the same cases.
 *
 * @module
 */

/** The seed when none is given: every run has the same cases. */
const SEED = 20261;

/** What random cases are made from. */
export class Random {
  #state: number;

  /** @param seed any whole number */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 to `below` - 1; mulberry32. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  }

  /** True once in `n` times. */
  once(n: number): boolean {
    return this.below(n) === 0;
  }

  /** One of several. */
  pick<T>(of: readonly T[]): T {
    if (of.length === 0) throw new RangeError("nothing to pick from");
    return of[this.below(of.length)] as T;
  }

  /** As many as chance will have it, at most `most`. */
  list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make);
  }

  /** Bytes of any value. */
  bytes(most: number): Uint8Array {
    return Uint8Array.from(this.list(most, () => this.below(256)));
  }
}

/** Characters at which parsers break. */
const ODD = [...'"\\/{}[]:,=- \t\r\n\0\u001b\u007f\u202e\u2028é😀', "\ud800"];

/** Text of odd and plain characters. */
export function oddText(random: Random, most: number): string {
  const char = () =>
    random.once(3)
      ? random.pick(ODD)
      : String.fromCharCode(97 + random.below(26));
  return random.list(most, char).join("");
}

/** Keys that mean something to JavaScript, or stand first in its objects. */
const KEYS = ["0", "7", "10", "toString", "valueOf", "__proto__", "length"];

/** A key of an object. */
export function oddKey(random: Random): string {
  return random.once(2) ? random.pick(KEYS) : oddText(random, 6);
}

/** The text of a JSON value, nested at most so deep, in Ganeti's spacing. */
export function jsonText(random: Random, depth: number): string {
  const item = () => jsonText(random, depth - 1);
  switch (random.below(depth > 0 ? 8 : 6)) {
    case 0:
      return random.pick(["true", "false", "null"]);
    case 1:
      return random.pick(["0", "-0", "1700000000.0", "1e400", "-1.50E+3"]);
    case 2:
      return String(random.below(1_000_000));
    case 3:
      return random.pick(['"\\ud800"', '"\\/"', '"\\u0041"', '""']);
    case 4:
    case 5:
      return JSON.stringify(oddText(random, 8));
    case 6:
      return `[${random.list(4, item).join(", ")}]`;
    default: {
      const member = () => `${JSON.stringify(oddKey(random))}: ${item()}`;
      return `{${random.list(4, member).join(", ")}}`;
    }
  }
}

/** Whether one case only is asked for, so that counts mean nothing. */
export function isSeedGiven(): boolean {
  return Deno.env.has("KVM_HOTPLUG_FUZZ_SEED");
}

function firstSeed(): number {
  const text = Deno.env.get("KVM_HOTPLUG_FUZZ_SEED") ?? String(SEED);
  if (/^\d+$/.test(text)) return Number(text);
  throw new RangeError(`KVM_HOTPLUG_FUZZ_SEED must be a number: it is ${text}`);
}

/**
 * Tries `check` with as many seeds as there are cases; with a given seed, with
 * that one only.
 */
export function fuzz(cases: number, check: (random: Random) => void): void {
  for (const seed of seedsOf(cases)) {
    try {
      check(new Random(seed));
    } catch (error) {
      throw seeded(seed, error);
    }
  }
}

/** The same of cases that take their time, one after the other. */
export async function fuzzEach(
  cases: number,
  check: (random: Random) => Promise<void>,
): Promise<void> {
  for (const seed of seedsOf(cases)) {
    try {
      await check(new Random(seed));
    } catch (error) {
      throw seeded(seed, error);
    }
  }
}

function seedsOf(cases: number): number[] {
  const first = firstSeed();
  return Array.from({ length: isSeedGiven() ? 1 : cases }, (_, i) => first + i);
}

function seeded(seed: number, error: unknown): Error {
  return new Error(`KVM_HOTPLUG_FUZZ_SEED=${seed}: ${error}`, { cause: error });
}
