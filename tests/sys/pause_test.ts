import { assertEquals } from "@std/assert";
import { pause, within } from "../../lib/sys/pause.ts";

Deno.test("within() gives up in time and forgets what comes later", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  assertEquals(await within(promise, 5), undefined);
  resolve(1);
  await pause(1);
  assertEquals(await within(Promise.resolve(2), 10_000), 2);
});

Deno.test("pause() ends at once when aborted", async () => {
  const stop = new AbortController();
  const begin = performance.now();
  const paused = pause(60_000, stop.signal);
  stop.abort();
  await paused;
  assertEquals(performance.now() - begin < 10_000, true);
});
