/**
 * NICs that were cut off on this node: their taps are not where they were
 * joined, or are gone. QEMU hears nothing of that.
 *
 * @module
 */

import type { RecordedNic } from "../device/nic.ts";
import { nameOfEntry, titleOf } from "../device/select.ts";
import { cutsOf } from "../host/tap_place.ts";
import type { Difference, WholeFacts } from "../plan/difference.ts";
import { netdevOf } from "../plan/facts.ts";
import type { NicEntry } from "../state/runtime.ts";
import { endsWithCard } from "./driver.ts";
import { notesOf } from "./notes.ts";
import { placeOf, recordedNic } from "./recorded.ts";
import { commandLine } from "../state/instance.ts";

/** What this node tells of the taps of NICs. */
export interface CutFacts {
  /** Those of the NIC files' taps that this node has. */
  readonly taps: ReadonlySet<string>;
  /** By device id, how a tap is cut off from its network. */
  readonly cuts: ReadonlyMap<string, readonly string[]>;
}

/** The words that join a NIC again where it is recorded. */
function joinWords({ mode, link, vlan, ip }: RecordedNic): string[] {
  return [
    ...["--mode", mode],
    ...(link ? ["--link", link] : []),
    ...(vlan ? ["--vlan", vlan] : []),
    ...(ip ? ["--ip", ip] : []),
  ];
}

/** It has been joined, and is not any more: it may be so on purpose. */
export function networkDifference(
  { cuts, qemu, paths }: WholeFacts & CutFacts,
  nic: NicEntry,
): Difference[] {
  const { id = "" } = nic.hvinfo;
  const all = cuts.get(id) ?? [];
  if (all.length === 0) return [];
  const { tap } = netdevOf(qemu, id)?.facts ?? {};
  const words = ["nic", "modify", paths.name, id];
  return [{
    code: "network",
    device: nameOfEntry(nic),
    message: `${titleOf(nic)} is cut off: its tap ${tap} ${all.join(", and ")}`,
    hint: `${
      commandLine(paths, ...words, ...joinWords(recordedNic(nic)))
    } joins it again`,
  }];
}

/** QEMU holds a tap that was deleted: nothing leads to the guest any more. */
export function tapDifference(
  { qemu, nicFiles, taps, paths }: WholeFacts & CutFacts,
  nic: NicEntry,
): Difference[] {
  const { id = "" } = nic.hvinfo;
  const netdev = netdevOf(qemu, id);
  const file = nicFiles?.[String(nic.index)];
  const isTold = netdev === undefined || netdev.facts.tap !== undefined;
  if (isTold || file === undefined || taps.has(file)) return [];
  const remove = `${
    commandLine(paths, "nic", "remove", paths.name, id)
  }, then add it again`;
  return [{
    code: "no-tap",
    device: nameOfEntry(nic),
    message: `${titleOf(nic)} is cut off: its tap ${file} was deleted`,
    hint: endsWithCard(qemu, nic.hvinfo.driver)
      ? "stop and start the instance: QEMU ends itself when this card is taken out"
      : remove,
  }];
}

/** Looks where the taps hang that the recorded NICs have. */
export async function readCuts(
  { content, qemu, own, confinement }: WholeFacts,
): Promise<Map<string, readonly string[]>> {
  // Its taps are not to be seen from here.
  if (confinement?.networkNamespace === "another") return new Map();
  const cuts = content.runtime.nics.map(async (nic) => {
    const { id = "" } = nic.hvinfo;
    const tap = netdevOf(qemu, id)?.facts.tap;
    const place = tap === undefined ? [] : await cutsOf(
      tap,
      placeOf(recordedNic(nic), notesOf({ own }, nic.uuid ?? "").script),
    );
    return [id, place] as const;
  });
  return new Map(await Promise.all(cuts));
}
