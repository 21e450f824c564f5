/**
 * The links of an instance's disks, mended whenever a request tells the order
 * of its configuration.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import type { Call } from "../commands/answer.ts";
import { carryOut } from "../commands/change.ts";

/**
 * Brings the links to an order, as far as it is proven which disk is which.
 *
 * @param order uuids of the disks; none: nothing is known, nothing is done
 * @returns warnings
 * @throws {HotplugError} status 7, if something is left over
 */
export async function mendLinks(
  { name, order }: { readonly name: string; readonly order: readonly string[] },
  call: Call,
): Promise<readonly string[]> {
  if (order.length === 0) return [];
  try {
    const request = { kind: "links-mend", instance: name, order } as const;
    const { outcome } = await carryOut(request, call);
    return outcome.changed
      ? [
        "links of disks had drifted: they are in the configuration's order again",
        ...outcome.warnings,
      ]
      : outcome.warnings;
  } catch (error) {
    const harmless = error instanceof HotplugError && !error.changed;
    if (!harmless) throw error;
    return [`the links of the disks were not looked at: ${error.message}`];
  }
}
