/**
 * What does not yet keep the rules of the architecture. The lists may only
 * shrink: what is mended must be taken out here, and nothing may be added.
 *
 * @module
 */

import { assertEquals } from "@std/assert";

/** By rule, sorted. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = JSON.parse(
  Deno.readTextFileSync(new URL("allowed.json", import.meta.url)),
);

/** Fails for what is not allowed, and for what need not be any more. */
export function assertOnlyAllowed(rule: string, found: readonly string[]) {
  if (Deno.env.get("KVM_HOTPLUG_ARCH") === "print") {
    console.log(`${rule}\n${[...new Set(found)].sort().join("\n")}`);
  }
  assertEquals([...new Set(found)].sort(), ALLOWED[rule] ?? []);
}
