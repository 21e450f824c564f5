/**
 * What every refusal is checked for.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import {
  assertFailed,
  assertUnchanged,
  type Instance,
} from "../lab/scripted_instance.ts";

/** Asserts a refusal after which nothing was changed. */
export async function refused(
  vm: Instance,
  words: readonly string[],
  [status, code]: readonly [number, string],
): Promise<string> {
  let failed = { message: "" };
  await assertUnchanged(vm, async () => {
    failed = assertFailed(await vm.cli(...words), status, code);
  });
  assertEquals(vm.peer.changes(), []);
  return failed.message;
}
