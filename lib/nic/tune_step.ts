/**
 * The step that sets a tap's MTU and the rates of its traffic.
 *
 * @module
 */

import { FOR_QEMU, ON_NODE, stepCheck } from "../engine/verbs.ts";
import { defineStep, type World } from "../engine/world.ts";
import {
  type LiveRate,
  type LiveTuning,
  mtuOf,
  NO_RATES,
  ratesOf,
  sameRates,
  type TapTuning,
  tuneTap,
} from "../host/tap_tuning.ts";
import { interfaceExists } from "../host/tap.ts";
import { MTU, RATE } from "../device/nic_properties.ts";
import { typedSize } from "../words/text.ts";
import {
  type Check,
  object,
  type Of,
  orNull,
  whole,
} from "../state/value_check.ts";
import { BACK_TAP, TAP_VALUE, type TapName, tapName } from "./tap_steps.ts";

/** What a tap is set to, as plain JSON. */
export const tuning: Check<TapTuning> = object({
  mtu: orNull(whole(MTU.min, MTU.max)),
  in: orNull(whole(1, RATE.max)),
  out: orNull(whole(1, RATE.max)),
});

const checkTuneTap = stepCheck("tune-tap", {
  tap: tapName,
  // Null: it is new, and goes.
  from: orNull(tuning),
  to: tuning,
});

/** Sets a tap's MTU and the rates of its traffic. */
export type TuneTapStep = Of<typeof checkTuneTap>;

function nameOf(tap: TapName, world: World): string | undefined {
  return typeof tap === "string"
    ? world.values.get(BACK_TAP) ?? tap
    : world.values.get(TAP_VALUE);
}

/** What is known of a tuning, for a person. */
export function tuningText({ mtu, in: towards, out }: LiveTuning): string {
  const rate = (where: string, one: LiveRate) =>
    one === "unknown"
      ? []
      : [`${where} ${one === null ? "unlimited" : `${typedSize(one)}/s`}`];
  return [
    ...(mtu === null ? [] : [`MTU ${mtu}`]),
    ...rate("to the guest", towards),
    ...rate("from the guest", out),
  ].join(", ");
}

async function isTuned(
  tap: string,
  { from, to }: Pick<TuneTapStep, "from" | "to">,
): Promise<boolean> {
  if (to.mtu !== null && mtuOf(tap) !== to.mtu) return false;
  if (sameRates(from ?? NO_RATES, to)) return true;
  const now = await ratesOf(tap);
  return (["in", "out"] as const)
    .every((key) => now[key] === "unknown" || now[key] === to[key]);
}

/** The step on a tap's MTU and rates. */
export const TUNE_TAP_STEP = defineStep({
  check: checkTuneTap,
  traits: ({ from }) => from === null ? FOR_QEMU : ON_NODE,
  async do({ tap, from, to }, world) {
    const name = nameOf(tap, world) ?? world.value(TAP_VALUE);
    await tuneTap(name, to, from ?? NO_RATES);
  },
  async undo({ tap, from, to }, world) {
    const name = nameOf(tap, world);
    if (from === null || name === undefined || !interfaceExists(name)) return;
    await tuneTap(name, from, to);
  },
  async confirm({ tap, from, to }, world) {
    const name = nameOf(tap, world);
    if (name === undefined || !interfaceExists(name)) return false;
    return await isTuned(name, { from, to });
  },
  describe: ({ from, to }) => ({
    step: "set MTU and rates of the tap",
    host: `ip link, tc: ${tuningText(to)}`,
    undo: from === null
      ? "none: they go with the tap"
      : `ip link, tc: ${tuningText(from)}`,
  }),
});
