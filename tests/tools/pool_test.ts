import { assertEquals, assertRejects } from "@std/assert";
import { Pool } from "../../tools/test/pool.ts";

/** Jobs that end when they are told to. */
class Jobs {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, () => void>();

  readonly run = async (name: string): Promise<string> => {
    this.begun.push(name);
    await new Promise<void>((resolve) => this.#ends.set(name, resolve));
    if (name.startsWith("bad")) throw new Error(name);
    return name.toUpperCase();
  };

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.();
    // All that follows from it without waiting.
    await new Promise((next) => setTimeout(next, 0));
  }
}

Deno.test("runAll() keeps within the width, whoever asks, and the order", async () => {
  const pool = new Pool(2);
  const jobs = new Jobs();
  const first = pool.runAll(["a", "b", "c"], jobs.run);
  const second = pool.runAll(["d"], jobs.run);
  assertEquals(jobs.begun, ["a", "b"]);
  await jobs.end("b");
  assertEquals(jobs.begun, ["a", "b", "c"]);
  await jobs.end("c");
  await jobs.end("a");
  assertEquals(await first, ["A", "B", "C"]);
  await jobs.end("d");
  assertEquals(await second, ["D"]);
});

Deno.test("runAll() goes on after a failure", async () => {
  const pool = new Pool(1);
  const jobs = new Jobs();
  const failing = assertRejects(() => pool.runAll(["bad"], jobs.run));
  const others = pool.runAll(["a"], jobs.run);
  await jobs.end("bad");
  await failing;
  await jobs.end("a");
  assertEquals(await others, ["A"]);
});
