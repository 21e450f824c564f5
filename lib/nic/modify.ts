/**
 * Plans to change a NIC: in place what can be, else it is plugged anew in its
 * slot, as ./replug.ts has it. Pure.
 *
 * @module
 */

import { titleOf } from "../device/select.ts";
import { type Plan, planOf } from "../engine/plan.ts";
import { unsupported } from "../errors.ts";
import type { Attachment } from "../host/attachment.ts";
import { refuseImpossible } from "../plan/requirements.ts";
import { stateSteps } from "../plan/steps.ts";
import { entryView } from "../plan/view.ts";
import type { Nic } from "../device/nic.ts";
import { bridgeWarnings } from "./add.ts";
import { startWarnings } from "./driver.ts";
import { tapOf } from "./files.ts";
import { type Modified, modifiedNic, type NicModifyFacts } from "./modified.ts";
import { NIC } from "./name.ts";
import { refuseNetwork, refuseRecorded } from "./network.ts";
import { linkStateSteps, noteSteps } from "./notes.ts";
import { nicMembers } from "./recorded.ts";
import { replugSteps } from "./replug.ts";
import type { NicModify } from "./request.ts";
import type { NicStep } from "./steps.ts";
import { plannedView } from "./view.ts";

/** What only a NIC that is plugged anew can get. */
function needsReplug(
  { qemu }: NicModifyFacts,
  { changes }: NicModify,
  { was, wanted, id, tap }: Modified,
): boolean {
  const keys = ["mac", "driver", "queues", "vhost", "vnetHdr"] as const;
  return keys.some((key) => was[key] !== wanted[key]) ||
    (changes.tap !== undefined && changes.tap !== tap) ||
    !qemu.deviceIds.has(id);
}

/** Whether it hangs on the same, in the same way. */
function isSame(one: Attachment, other: Attachment): boolean {
  const [a, b] = [one, other].map(({ script, ...rest }) => {
    const told = Object.entries(script?.environment ?? {})
      .filter(([_, value]) => value !== "").sort();
    return JSON.stringify([rest, script?.path, script?.down, told]);
  });
  return a === b;
}

/** What the tap hangs on where it is cut off: another bridge, or nothing. */
function elsewhere({ bridge }: NicModifyFacts): Attachment | null {
  if (bridge === undefined) return null;
  const nothing = { vlan: null, ip: null, script: null };
  return { mode: "bridged", link: bridge, ...nothing };
}

/** Options that say where a NIC is to hang. */
const PLACE = ["mode", "link", "vlan", "ip"] as const;

function moveSteps(
  facts: NicModifyFacts,
  { changes }: NicModify,
  { tap, wanted, from: recorded, to }: Modified,
): NicStep[] {
  // Who took it off may have had a reason: it is joined again if that is asked.
  const isAsked = PLACE.some((key) => changes[key] !== undefined);
  const isCut = facts.cuts.length > 0;
  if (isSame(recorded, to) && !(isCut && isAsked)) return [];
  const from = isCut ? elsewhere(facts) : recorded;
  if (!isCut) refuseRecorded(recorded);
  refuseNetwork(facts, wanted);
  if (tap !== undefined) return [{ kind: "attach-tap", tap, from, to }];
  throw unsupported("Cannot move the NIC: its tap cannot be seen");
}

function inPlaceSteps(
  facts: NicModifyFacts,
  request: NicModify,
  modified: Modified,
): NicStep[] {
  const { id, uuid, was, wanted: { linkState, script } } = modified;
  const asked = request.changes.linkState;
  const carrier = { was: was.linkState, wanted: linkState, asked };
  return [
    ...moveSteps(facts, request, modified),
    ...linkStateSteps(facts, id, carrier),
    ...noteSteps(facts, { uuid, notes: { linkState, script } }),
  ];
}

/** What is recorded of it: of a card that stays, nothing but what was asked. */
function toRecord({ changes }: NicModify, { entry, wanted }: Modified): Nic {
  const { mac = "", hvinfo: { driver = wanted.driver } } = entry;
  return {
    ...wanted,
    mac: changes.mac ?? mac.toLowerCase(),
    driver: changes.driver === undefined ? driver : wanted.driver,
  };
}

/**
 * Plans to change a NIC.
 *
 * @throws {HotplugError} status 3
 */
export function planNicModify(
  request: NicModify,
  facts: NicModifyFacts,
): Plan {
  refuseImpossible(facts, NIC.needs["nic-modify"]);
  const modified = modifiedNic(facts, request);
  const { entry, uuid, wanted } = modified;
  const isReplug = needsReplug(facts, request, modified);
  const { steps: inner, plug } = isReplug
    ? replugSteps(facts, request, modified)
    : { steps: inPlaceSteps(facts, request, modified), plug: undefined };
  const members = nicMembers(
    entry,
    isReplug ? wanted : toRecord(request, modified),
    request.ganeti?.object,
  );
  const tap = isReplug ? null : tapOf(facts, entry) ?? null;
  const device = plannedView(wanted, entryView(entry), tap);
  const changes = Object.keys(members).length > 0;
  const { stage, commit } = stateSteps(facts, {
    change: "members",
    list: "nics",
    uuid,
    members,
  });
  return planOf({
    action: "modify",
    instance: facts.paths.name,
    title: titleOf(entry),
    device,
    kinds: [NIC.word],
    steps: changes ? [stage, ...inner, commit] : inner,
    turn: plug,
    warnings: [
      ...(isReplug
        ? startWarnings(facts.content.runtime.hvparams, wanted)
        : []),
      ...(inner.some(({ kind }) => kind === "attach-tap")
        ? bridgeWarnings(facts, wanted)
        : []),
    ],
  });
}
