/**
 * Facts for adopting, beside the instance: everything in a live QEMU, and the
 * kernel's confirmation.
 *
 * @module
 */

import { belongsTo } from "../device/device_id.ts";
import type { Place } from "../device/hvinfo.ts";
import { unsupported } from "../errors.ts";
import type { QemuProcess } from "../host/process.ts";
import type { AdoptFacts, KindAdoption } from "../plan/adoption.ts";
import type { Facts } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";
import { loadWholeKinds } from "../kinds.ts";
import type { Kind, KindName } from "../plan/kind.ts";
import { placeOf } from "../plan/live_place.ts";

function programOf({ pid, argv }: QemuProcess): string {
  try {
    return Deno.readLinkSync(`/proc/${pid}/exe`);
  } catch {
    return argv[0] ?? "";
  }
}

function expectProcess({ qemu, paths }: Facts): QemuProcess {
  if (qemu.process !== undefined) return qemu.process;
  throw unsupported(
    `Cannot adopt devices of ${paths.name}: the process behind ${paths.qmp} is not a QEMU that is visible on this node`,
    "adopt identifies disks by the open files of the process",
  );
}

/** A kind, and its devices in QEMU. */
export interface AdoptedKind {
  readonly kind: KindName & Pick<Kind, "view">;
  /** {@linkcode KindChanges.adopt}. */
  readonly adoption: KindAdoption;
  /** New ones, one for each device. */
  readonly uuids: readonly string[];
}

/** The input of a plan of adopting. */
export interface AdoptInput {
  readonly facts: AdoptFacts;
  readonly kinds: readonly AdoptedKind[];
  /** The given uuid: only its device is adopted. */
  readonly given?: string | undefined;
}

/**
 * Adds the facts for adopting.
 *
 * @param given the uuid of the one device to adopt; undefined: all
 * @throws {HotplugError} `unsupported` if QEMU's process cannot be seen
 */
export async function readAdoptFacts(
  facts: Facts,
  qmp: QmpSession,
  given?: string,
): Promise<AdoptInput> {
  const process = expectProcess(facts);
  const kinds: AdoptedKind[] = [];
  const places = new Map<string, Place>();
  for (const kind of await loadWholeKinds()) {
    const adoption = await kind.adopt(facts, { qmp, process });
    const uuids = adoption.live.map(({ id = "" }) =>
      given !== undefined && belongsTo(given, id) ? given : crypto.randomUUID()
    );
    kinds.push({ kind, adoption, uuids });
    for (const { id } of adoption.live) {
      const place = id && await placeOf(qmp, id, facts.qemu);
      if (id && place) places.set(id, place);
    }
  }
  const whole = { ...facts, process, program: programOf(process), places };
  return { facts: whole, kinds, given };
}
