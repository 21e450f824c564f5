/**
 * How QEMU is told of a recorded NIC's card, the same whoever plugs it. Pure.
 *
 * @module
 */

import { addressOf } from "../device/address.ts";
import { type NicDevice, nicFrontendArguments } from "../device/nic.ts";
import type { NicEntry } from "../state/runtime.ts";
import type { NicAddFacts } from "../nic/add_facts.ts";
import type { QmpCommand } from "./step.ts";

/** What tells where QEMU runs. */
export type JailFacts = Pick<NicAddFacts, "confinement" | "content">;

/** Where QEMU runs; what the hvparams say counts only if nothing shows it. */
export function jailOf(
  { confinement, content }: JailFacts,
): NicDevice["jail"] {
  if (confinement !== undefined) return confinement.jail;
  return content.runtime.hvparams.useChroot ? "chroot" : "none";
}

/** device_add of a NIC in its recorded place, as it is or as it will be. */
export function deviceArguments(
  facts: JailFacts,
  { id, entry }: { readonly id: string; readonly entry: NicEntry },
  { driver, mac, queues, netdev }:
    & Pick<NicDevice, "driver" | "mac" | "queues">
    & { readonly netdev: string },
): QmpCommand["arguments"] {
  const args = nicFrontendArguments({
    ...{ id, driver, mac, queues },
    address: addressOf(entry),
    rom: jailOf(facts) === "chroot" ? "none" : "default",
  });
  return { ...args, netdev };
}
