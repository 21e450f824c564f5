/**
 * What a recorded NIC hangs on, and what it is to hang on. Pure.
 *
 * @module
 */

import { ATTACH_MODES, type NicMode } from "../host/network_words.ts";
import { formatJson } from "../state/json.ts";
import { member } from "../state/json_member.ts";
import type { NicEntry } from "../state/runtime.ts";
import type { NicChanges } from "./request.ts";

/** Where a NIC leads to. */
export interface NicNetwork {
  /** `none`: to nothing. */
  readonly mode: NicMode;
  /** Undefined: none. */
  readonly link: string | undefined;
  /** Undefined: none. */
  readonly vlan: string | undefined;
  /** Undefined: none. */
  readonly ip: string | undefined;
}

/** JSON text of the description of a recorded NIC's network, if it has one. */
export function netinfoOf(entry: NicEntry): string | undefined {
  const netinfo = member(entry.node, "netinfo");
  return netinfo?.type === "object" ? formatJson(netinfo) : undefined;
}

/** Ganeti resolves other modes before a node hears of them: SPEC 6.2. */
function modeOf(word: string | undefined): NicMode {
  return ATTACH_MODES.find((one) => one === word) ?? "none";
}

function chosen(
  wanted: string | null | undefined,
  now: string | undefined,
): string | undefined {
  return (wanted === undefined ? now : wanted) || undefined;
}

/** What a NIC hangs on once it is changed; a mode keeps no other mode's link. */
export function networkOf(
  entry: NicEntry | undefined,
  changes: Pick<NicChanges, "mode" | "link" | "vlan" | "ip">,
): NicNetwork {
  const now = modeOf(entry?.mode);
  const linked = changes.link && now === "none" ? "bridged" : now;
  const mode = changes.mode ?? linked;
  const other = mode !== now;
  return {
    mode,
    link: chosen(changes.link, other ? undefined : entry?.link),
    vlan: chosen(changes.vlan, other ? undefined : entry?.vlan),
    ip: chosen(changes.ip, entry?.ip),
  };
}
