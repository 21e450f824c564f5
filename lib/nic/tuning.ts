/**
 * The MTU and the rates of a NIC: what its tap is set to, and what stands in
 * the way of it. Pure.
 *
 * @module
 */

import type { Properties } from "../device/hvinfo.ts";
import { isParavirtual, type Nic } from "../device/nic.ts";
import { NIC_PROPERTIES } from "../device/nic_properties.ts";
import { recordedProperties } from "../device/properties.ts";
import { type Remark, remark, unsupported } from "../errors.ts";
import { untilEnd } from "../plan/until_end.ts";
import type { TapTuning } from "../host/tap_tuning.ts";
import type { NicAddFacts } from "./add_facts.ts";
import type { NicStep } from "./steps.ts";
import type { TapName } from "./tap_steps.ts";

/** The part of a NIC that is its tap's. */
export type Tuned = Pick<Nic, "mtu" | "rateIn" | "rateOut">;

/** What the tap of a NIC is set to. */
export function tuningOf({ mtu, rateIn, rateOut }: Tuned): TapTuning {
  return { mtu: mtu ?? null, in: rateIn ?? null, out: rateOut ?? null };
}

/** Whether nothing was asked of a tap. */
export function isPlain({ mtu, in: towards, out }: TapTuning): boolean {
  return mtu === null && towards === null && out === null;
}

/** The step that sets a new tap; none where nothing was asked. */
export function newTapSteps(tap: TapName, nic: Tuned): NicStep[] {
  const to = tuningOf(nic);
  return isPlain(to) ? [] : [{ kind: "tune-tap", tap, from: null, to }];
}

/** What `hvinfo` has of it, and the device gets: a virtio card alone has an MTU. */
export function mtuProperties(
  { mtu, driver }: Pick<Nic, "mtu" | "driver">,
): Properties {
  return isParavirtual(driver)
    ? recordedProperties(NIC_PROPERTIES, { mtu })
    : {};
}

/** What `hvinfo` gets, if the MTU becomes another. */
export function changedMtu(
  { was, wanted }: Record<"was" | "wanted", Pick<Nic, "mtu" | "driver">>,
): Properties {
  const [{ host_mtu: before }, now] = [
    mtuProperties(was),
    mtuProperties(wanted),
  ];
  return before === now.host_mtu ? {} : now;
}

/**
 * Refuses rates that this node cannot have.
 *
 * @throws {HotplugError} `unsupported`
 */
export function refuseRates(
  { ratesFault }: Pick<NicAddFacts, "ratesFault">,
): void {
  if (ratesFault === undefined) return;
  throw unsupported(`Cannot limit the rate of the NIC: ${ratesFault}`);
}

/** What a person must know of an MTU that is not the bridge's. */
export function mtuWarning(
  { bridgeState }: Pick<NicAddFacts, "bridgeState">,
  { mtu, mode, link }: Pick<Nic, "mtu" | "mode" | "link">,
): Remark | undefined {
  const { mtu: other } = bridgeState ?? {};
  if (mtu === undefined || mode !== "bridged" || other === undefined) return;
  if (mtu === other) return;
  return remark(
    "bridge-mtu",
    `bridge ${link} has MTU ${other}, the NIC ${mtu}: ${
      mtu > other
        ? "the bridge drops larger packets"
        : "the kernel may lower the MTU of the bridge"
    }`,
  );
}

/** A card that does not tell its guest of an MTU. */
export function untoldWarning(
  { mtu, driver }: Pick<Nic, "mtu" | "driver">,
): Remark | undefined {
  if (mtu === undefined || isParavirtual(driver)) return undefined;
  return remark(
    "guest-not-told",
    `${driver} cannot tell the guest of MTU ${mtu}: only the tap has it`,
    { hint: "set the MTU of the interface in the guest, too" },
  );
}

/** The kernel forgets the rates with the tap. */
export function ratesWarning(
  { rateIn, rateOut }: Pick<Nic, "rateIn" | "rateOut">,
): Remark | undefined {
  if (rateIn === undefined && rateOut === undefined) return undefined;
  return untilEnd("the rates of the NIC");
}
