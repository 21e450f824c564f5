/**
 * VLANs of a NIC in Ganeti's form: SPEC 6.2. The first one is that of untagged
 * frames, unless a colon stands before it.
 *
 * @module
 */

import { isVlan } from "./network_words.ts";

/** VLAN ids of one port. */
export interface Vlans {
  /** The one that frames without a tag belong to; null: they are dropped. */
  readonly untagged: number | null;
  /** Those whose frames keep their tag. */
  readonly tagged: readonly number[];
}

/** Ids 0 and 4095 are reserved: IEEE 802.1Q. */
const MAX_VLAN = 4094;

/** Reads `100`, `.100`, `.100:200` or `:100:200`; undefined if it is none. */
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
 * @param bridge.preset the VLAN that a new port has, 0 if none
 * @param bridge.uplinks ports that lead to other machines: they carry all
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

/** What `bridge -j vlan show` tells of one port. */
interface ToldPort {
  readonly vlans?: readonly {
    readonly vlan: number;
    /** The last of several. */
    readonly vlanEnd?: number;
    readonly flags?: readonly string[];
  }[];
}

/** The VLANs of a port, as `bridge -j vlan show dev PORT` tells of it. */
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
