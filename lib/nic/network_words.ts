/**
 * The words that say what a NIC hangs on, which may come from any instance's
 * runtime file: the node's own tools read them as commands' text. Pure.
 *
 * @module
 */

import { refuse } from "../errors.ts";
import type { Attachment } from "../host/attachment.ts";
import {
  isInterfaceName,
  isIpAddress,
  isLine,
  isVlan,
} from "../host/network_words.ts";

/** What a NIC hangs on; undefined, null or empty: nothing. */
export interface Words {
  /** An interface, a routing table, or what a script knows. */
  readonly link?: string | null | undefined;
  /** As Ganeti writes it: `100`, `.100`, `:100:200`. */
  readonly vlan?: string | null | undefined;
  /** IPv4 or IPv6. */
  readonly ip?: string | null | undefined;
}

/** Who reads the words: a script may know links that are no interfaces. */
export type Reader = "node" | "script";

/** A journal holds no longer one. */
const MAX_LINK = 4096;

function isScriptLink(text: string): boolean {
  return text.length <= MAX_LINK && isLine(text);
}

/** What each word must be, and whether it is. */
function rulesOf(reader: Reader) {
  return {
    link: reader === "script"
      ? { accepted: "one line of text", fits: isScriptLink }
      : {
        accepted: "1 to 15 letters, digits, '.', '_' and '-'",
        fits: isInterfaceName,
      },
    vlan: { accepted: "a VLAN such as 100, .100 or :100:200", fits: isVlan },
    ip: { accepted: "an IPv4 or IPv6 address", fits: isIpAddress },
  } as const;
}

const KEYS = ["link", "vlan", "ip"] as const;

function faultIn(words: Words, reader: Reader) {
  const rules = rulesOf(reader);
  for (const key of KEYS) {
    const { accepted, fits } = rules[key];
    const text = words[key];
    if (!text || fits(text)) continue;
    return { key, what: `must be ${accepted}, it is ${JSON.stringify(text)}` };
  }
  return undefined;
}

/**
 * Refuses to join a NIC by a link, VLAN or address that is none.
 *
 * @throws {HotplugError} `refused`
 */
export function refuseWords(words: Words, reader: Reader): void {
  const fault = faultIn(words, reader);
  if (fault === undefined) return;
  const { key, what } = fault;
  throw refuse(
    `Cannot join the NIC to its network: its ${key} ${what}`,
    `give another by --${key}`,
  );
}

function readerOf({ script }: Attachment): Reader {
  return script === null ? "node" : "script";
}

/**
 * Refuses to change a NIC that could not be joined again as it is recorded.
 *
 * @throws {HotplugError} `refused`
 */
export function refuseRecorded(from: Attachment): void {
  const fault = faultIn(from, readerOf(from));
  if (fault === undefined) return;
  throw refuse(
    `Cannot undo a change of the NIC: its recorded ${fault.key} ${fault.what}`,
    "correct the NIC's entry in the runtime file, or remove the NIC",
  );
}

/**
 * What a tap hangs on, without the words that are none: by those nothing can
 * have been joined, and no journal could hold them.
 */
export function withoutUnfit(on: Attachment): Attachment {
  const rules = rulesOf(readerOf(on));
  const kept = (
    { fits }: { fits: (text: string) => boolean },
    text: string | null,
  ) => text !== null && fits(text) ? text : null;
  return {
    ...on,
    link: kept(rules.link, on.link),
    vlan: kept(rules.vlan, on.vlan),
    ip: kept(rules.ip, on.ip),
  };
}
