/**
 * Differences between the record and a NIC's tap: MTU and rates.
 *
 * @module
 */

import { NIC_PROPERTIES } from "../device/nic_properties.ts";
import { propertiesIn } from "../device/properties.ts";
import { nameOfEntry, titleOf } from "../device/select.ts";
import {
  type LiveTuning,
  NO_RATES,
  readTuning,
  sameRates,
  type TapTuning,
} from "../host/tap_tuning.ts";
import { interfaceExists } from "../host/tap.ts";
import type { Difference, WholeFacts } from "../plan/difference.ts";
import { netdevOf } from "../plan/facts.ts";
import { commandLine } from "../state/instance.ts";
import type { NicEntry } from "../state/runtime.ts";
import { notesOf } from "./notes.ts";
import { tuningText } from "./tune_step.ts";
import { isPlain, tuningOf } from "./tuning.ts";

/** What a NIC's tap was set to; undefined: nothing was. */
function tuningFor(
  { own }: Pick<WholeFacts, "own">,
  nic: NicEntry,
): TapTuning | undefined {
  const { mtu: noted, rateIn, rateOut } = notesOf({ own }, nic.uuid ?? "");
  const { mtu } = propertiesIn(NIC_PROPERTIES, nic);
  const set = tuningOf({
    mtu: typeof mtu === "number" ? mtu : noted,
    ...{ rateIn, rateOut },
  });
  return isPlain(set) ? undefined : set;
}

/** Looks at the taps that this tool has set. */
export async function readTunings(
  facts: WholeFacts,
): Promise<Map<string, LiveTuning>> {
  const found = new Map<string, LiveTuning>();
  if (facts.confinement?.networkNamespace === "another") return found;
  for (const nic of facts.content.runtime.nics) {
    const { id = "" } = nic.hvinfo;
    const tap = netdevOf(facts.qemu, id)?.facts.tap;
    const recorded = tuningFor(facts, nic);
    if (tap === undefined || recorded === undefined) continue;
    if (!interfaceExists(tap)) continue;
    const hasRates = !sameRates(recorded, NO_RATES);
    found.set(id, await readTuning(tap, { hasRates }));
  }
  return found;
}

/** The tap was set or removed without this tool. */
export function tuningDifference(
  facts: WholeFacts & {
    readonly tunings: ReadonlyMap<string, LiveTuning>;
  },
  nic: NicEntry,
): Difference[] {
  const { id = "" } = nic.hvinfo;
  const live = facts.tunings.get(id);
  const recorded = tuningFor(facts, nic);
  if (live === undefined || recorded === undefined) return [];
  const all = {
    ...recorded,
    mtu: recorded.mtu ?? live.mtu,
    // What tc does not tell is not compared.
    in: live.in === "unknown" ? live.in : recorded.in,
    out: live.out === "unknown" ? live.out : recorded.out,
  };
  if (
    all.mtu === live.mtu && all.in === live.in && all.out === live.out
  ) return [];
  const rates = sameRates(recorded, NO_RATES) ? [] : [
    ...["--rate-in", String(recorded.in ?? 0)],
    ...["--rate-out", String(recorded.out ?? 0)],
  ];
  const { paths } = facts;
  const words = [
    ...(recorded.mtu === null ? [] : ["--mtu", String(recorded.mtu)]),
    ...rates,
  ];
  return [{
    code: "tap-settings",
    device: nameOfEntry(nic),
    message: `${titleOf(nic)} is recorded with ${
      tuningText(all)
    }, but its tap has ${tuningText(live)}`,
    hint: `to set the recorded values, run: ${
      commandLine(paths, "nic", "modify", paths.name, id, ...words)
    }`,
  }];
}
