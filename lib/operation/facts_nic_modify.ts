/**
 * What changing a NIC depends on besides what adding one does.
 *
 * @module
 */

import { findDevice } from "../device/select.ts";
import { countVhost } from "../host/process.ts";
import { hasVnetHdr } from "../host/tap.ts";
import type { Facts } from "../plan/facts.ts";
import { type NicAddFacts, readNicAddFacts } from "../nic/add_facts.ts";
import { whoIs } from "../engine/own_facts.ts";
import { netdevOf } from "./netdev.ts";
import { networkOf } from "../nic/recorded.ts";
import { notesOf, scriptOf } from "../nic/notes.ts";
import type { NicModify } from "../nic/request.ts";
import type { World } from "../engine/world.ts";

/** What changing a NIC depends on. */
export interface NicModifyFacts extends NicAddFacts {
  /** Its tap as it is; undefined if it cannot be seen. */
  readonly now: {
    /** Whether it carries virtio-net headers. */
    readonly vnetHdr: "on" | "off";
    /** How often QEMU has the kernel's accelerator open, for all NICs. */
    readonly vhosts: number;
  } | undefined;
}

function readNow(
  { qemu }: Facts,
  id: string | undefined,
): NicModifyFacts["now"] {
  const tap = id === undefined ? undefined : netdevOf(qemu, id)?.facts.tap;
  if (tap === undefined || qemu.process === undefined) return undefined;
  return {
    vnetHdr: hasVnetHdr(tap) ? "on" : "off",
    vhosts: countVhost(qemu.process.pid),
  };
}

/** Adds what changing a NIC depends on. @throws {HotplugError} */
export async function readNicModifyFacts(
  facts: Facts,
  { device, changes }: NicModify,
  world: World,
): Promise<NicModifyFacts> {
  const entry = findDevice(facts.content.runtime.nics, device);
  const { mode, link } = networkOf(entry, changes);
  const { tap, driver } = changes;
  const noted = notesOf(facts, entry?.uuid ?? "").script;
  const script = scriptOf(changes, noted);
  const wish = { mode, link, tap, script, driver };
  return {
    ...await readNicAddFacts(facts, wish, world),
    who: await whoIs(facts.qemu.process),
    now: readNow(facts, entry?.hvinfo.id),
  };
}
