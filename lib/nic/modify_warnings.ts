/**
 * The things that a person must know of a changed NIC. Pure.
 *
 * @module
 */

import { nameOfEntry, titleOf } from "../device/select.ts";
import type { Nic } from "../device/nic.ts";
import { type Remark, remark } from "../errors.ts";
import { untilStop } from "../plan/until_end.ts";
import { bridgeWarnings } from "./add.ts";
import { startWarning } from "./driver.ts";
import type { Modified, NicModifyFacts } from "./modified.ts";
import { NIC } from "./name.ts";
import { unstartable } from "./network.ts";
import {
  changedMtu,
  mtuWarning,
  ratesWarning,
  untoldWarning,
} from "./tuning.ts";

/** What the guest had of the old card, and has of the new one no more. */
function lostWarning(
  { modelHas }: NicModifyFacts,
  { lost, wanted: { driver } }: Modified,
): Remark | undefined {
  const gone = lost.filter((key) => modelHas?.has(key) === false);
  if (gone.length === 0) return undefined;
  const words = gone.join(", ");
  return remark(
    "property-dropped",
    `${driver} has no property ${words}, so the NIC's entry loses it`,
  );
}

/** The warning about a card that is plugged in again: the guest sees another. */
function replacedRemark(
  { qemu }: NicModifyFacts,
  { entry, id, tap }: Modified,
): Remark | undefined {
  if (!qemu.deviceIds.has(id)) return undefined;
  return remark(
    "nic-replaced",
    `a new card replaces ${
      titleOf(entry)
    } in the same slot, and the guest has to configure it again${
      tap === undefined ? "" : `; the old tap was ${tap}`
    }`,
    { device: nameOfEntry(entry) },
  );
}

/** The warnings of `nic modify`: only of things that it changes. */
export function modifyWarnings(
  facts: NicModifyFacts,
  modified: Modified,
  { isReplug, isMoved }: {
    readonly isReplug: boolean;
    readonly isMoved: boolean;
  },
): (Remark | undefined)[] {
  const { was, wanted } = modified;
  const isSame = (...keys: (keyof Nic)[]) =>
    keys.every((key) => was[key] === wanted[key]);
  return [
    isSame("mode") ? undefined : unstartable(facts),
    ...(isReplug
      ? [replacedRemark(facts, modified), startWarning(facts, wanted)]
      : []),
    untilStop(NIC, changedMtu(modified)),
    isSame("mtu") ? undefined : mtuWarning(facts, wanted),
    isSame("mtu", "driver") ? undefined : untoldWarning(wanted),
    isSame("rateIn", "rateOut") ? undefined : ratesWarning(wanted),
    isReplug ? lostWarning(facts, modified) : undefined,
    ...(isMoved ? bridgeWarnings(facts, wanted) : []),
  ];
}
