/**
 * A tap that QEMU has closed and another process has open: it stays until that
 * process closes it. The tool's own record notes it, under a uuid without a
 * device.
 *
 * @module
 */

import type { OwnFacts } from "../engine/own_facts.ts";
import type { World } from "../engine/world.ts";
import { leaveBridge } from "../host/network.ts";
import type { HeldTap, Holder } from "../host/tap_holders.ts";
import { heldIn, heldTap } from "../plan/compare_own.ts";
import { changeOwnRecord, readOwnRecord } from "../state/own_record.ts";

/**
 * Leaves a tap to the process that has it open: takes it off its bridge, and
 * notes it.
 */
export async function leaveHeld(
  tap: HeldTap,
  holders: readonly Holder[],
  { own: { place, qemu }, world }: {
    readonly own: Pick<OwnFacts, "place" | "qemu">;
    readonly world: World;
  },
): Promise<void> {
  world.leave(heldTap(tap.name, holders));
  await leaveBridge(tap.name);
  const known = heldIn(readOwnRecord(place));
  if (known.some(([_, { ifindex }]) => ifindex === tap.ifindex)) return;
  const after = { kind: "nic", access: tap };
  changeOwnRecord(place, qemu, { uuid: crypto.randomUUID(), after });
}
