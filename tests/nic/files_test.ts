import { assertEquals } from "@std/assert";
import { strayNicFiles } from "../../lib/nic/files.ts";
import { facts, nic } from "../support/facts.ts";

Deno.test("strayNicFiles() removes the meant files behind the last NIC", () => {
  const nicFiles = { 0: "tap0", 1: "tap1", 2: "tap2" };
  const one = facts({ nics: [nic(0, 12)], nicFiles });
  const removed = (...taps: string[]) =>
    strayNicFiles(one, (tap) => taps.includes(tap))
      .map(({ before, after }) => [before, after]);
  assertEquals(removed("tap0", "tap2"), [[{ 2: "tap2" }, {}]]);
  assertEquals(removed("tap1", "tap2"), [[{ 1: "tap1", 2: "tap2" }, {}]]);
  // The first one is the NIC's own.
  assertEquals(removed("tap0"), []);
  assertEquals(removed(), []);
  const { nicDir: _, ...paths } = one.paths;
  const nowhere = { ...one, paths: { ...paths, nicDir: undefined } };
  assertEquals(strayNicFiles(nowhere as never, () => true), []);
  const { nicFiles: __, ...unknown } = one;
  assertEquals(strayNicFiles(unknown as never, () => true), []);
});
