/**
 * What the tool's own record has of devices that are gone. Pure.
 *
 * @module
 */

import type { Difference, WholeFacts } from "./difference.ts";
import { isRemembrance } from "./give_back.ts";
import type { KindName } from "./kind.ts";
import { straysOf } from "./strays.ts";

/** Uuids of a kind's devices that are noted and in no list. */
export function lostUuids(
  { own, content: { runtime }, qemu }: WholeFacts,
  { word, list }: KindName,
): string[] {
  // Those of a device that is still plugged go with it.
  const plugged = straysOf(qemu, runtime).some(({ has, origin }) =>
    has === "device" && origin === "plugged"
  );
  if (plugged) return [];
  const recorded = new Set(
    runtime[list].map(({ uuid }) => uuid?.toLowerCase()),
  );
  return Object.entries(own.record.devices).flatMap(([uuid, one]) =>
    one.kind !== word || isRemembrance(one) || recorded.has(uuid) ? [] : [uuid]
  );
}

/** What is to be told of one of them. */
export function lostDifference(uuid: string): Difference {
  return {
    code: "own-record",
    device: null,
    what: `${uuid} is in the tool's own record, and is gone`,
    hint: "repair gives back what had been changed for it, and forgets it",
    mend: {
      word: "give-back",
      subject: uuid,
      did: "gave back what had been changed for it, and forgot it",
    },
  };
}
