/**
 * VLANs of a NIC in Ganeti's form: SPEC 6.2. The first VLAN is for untagged
 * frames, unless a colon stands before it.
 *
 * @module
 */

import { isVlan } from "./network_words.ts";

/** VLAN ids of one port. */
export interface Vlans {
  /** The VLAN of frames without a tag; null: such frames are dropped. */
  readonly untagged: number | null;
  /** VLANs with tagged frames. */
  readonly tagged: readonly number[];
}

/** Ids 0 and 4095 are reserved: IEEE 802.1Q. */
const MAX_VLAN = 4094;

/**
 * Reads `100`, `.100`, `.100:200` or `:100:200`; undefined for another form.
 */
export function parseVlans(text: string): Vlans | undefined {
  if (!isVlan(text)) return undefined;
  const ids = text.replace(/^[.:]/, "").split(":").map(Number);
  if (!ids.every((id) => id >= 1 && id <= MAX_VLAN)) return undefined;
  const [first = 0, ...others] = ids;
  return text.startsWith(":")
    ? { untagged: null, tagged: ids }
    : { untagged: first, tagged: others };
}

/**
 * The commands of bridge(8) that give a port these VLANs and no other.
 *
 * @param bridge.preset the VLAN of a new port, 0 if none
 * @param bridge.uplinks ports that lead to other machines: they carry all VLANs
 */
export function vlanLines(
  port: string,
  { untagged, tagged }: Vlans,
  { preset, uplinks }: {
    readonly preset: number;
    readonly uplinks: readonly string[];
  },
): string[] {
  const all = untagged === null ? tagged : [untagged, ...tagged];
  const add = (one: string, id: number) => `vlan add dev ${one} vid ${id}`;
  return [
    ...(preset === 0 ? [] : [`vlan del dev ${port} vid ${preset}`]),
    ...(untagged === null ? [] : [`${add(port, untagged)} pvid untagged`]),
    ...tagged.map((id) => add(port, id)),
    ...uplinks.flatMap((uplink) => all.map((id) => add(uplink, id))),
  ];
}

/** Whether a port has these VLANs and no other. Pure. */
export function hasVlans(there: Vlans, wanted: Vlans): boolean {
  const sorted = ({ tagged }: Vlans) => tagged.toSorted((a, b) => a - b).join();
  return there.untagged === wanted.untagged && sorted(there) === sorted(wanted);
}

/** The data of one port in `bridge -j vlan show`. */
interface ToldPort {
  readonly vlans?: readonly {
    readonly vlan: number;
    /** The last VLAN of a range. */
    readonly vlanEnd?: number;
    readonly flags?: readonly string[];
  }[];
}

/** The VLANs of a port in the output of `bridge -j vlan show dev PORT`. */
export function readVlans(text: string): Vlans {
  const [port]: ToldPort[] = text === "" ? [] : JSON.parse(text);
  const all = port?.vlans ?? [];
  const isUntagged = ({ flags = [] }: typeof all[number]) =>
    flags.includes("PVID");
  return {
    untagged: all.find(isUntagged)?.vlan ?? null,
    tagged: all.filter((one) => !isUntagged(one)).flatMap(
      ({ vlan, vlanEnd = vlan }) =>
        Array.from({ length: vlanEnd - vlan + 1 }, (_, i) => vlan + i),
    ),
  };
}
