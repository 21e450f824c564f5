/**
 * Plans to change a NIC: in place what can be, else it is plugged anew in its
 * slot, as ./plan_nic_replug.ts has it. Pure.
 *
 * @module
 */

import { titleOf } from "../device/select.ts";
import { type Decision, type DeviceView, planOf } from "../engine/plan.ts";
import { duplicate, refuse, unsupported } from "../errors.ts";
import type { Attachment } from "../host/attachment.ts";
import { refuseImpossible, refuseTakenName } from "../plan/requirements.ts";
import { stateSteps } from "../plan/steps.ts";
import { nicView } from "./view.ts";
import type { NicEntry } from "../state/runtime.ts";
import { startWarnings } from "./driver.ts";
import { nicMembers } from "./members.ts";
import {
  type Modified,
  modifiedNic,
  type NicModifyFacts,
  type Settings,
} from "./modified.ts";
import { attachmentOf, refuseMac, refuseNetwork } from "./network.ts";
import { refuseRecorded } from "./network_words.ts";
import { linkStateSteps, noteSteps } from "./notes.ts";
import { replugSteps } from "./replug.ts";
import type { GanetiNic, NicModify } from "./request.ts";
import type { NicStep } from "./steps.ts";
import { NIC } from "./name.ts";
import { NIC_NEEDS } from "./needs.ts";

function refuseWrong(
  facts: NicModifyFacts,
  { changes }: NicModify,
  { entry, was, wanted }: Modified,
): void {
  const others = facts.content.runtime.nics.filter((one) => one !== entry);
  // Two of Ganeti's devices may have one name; it goes by uuids.
  if (changes.name !== was.name) refuseTakenName(others, changes.name);
  if (wanted.mac !== was.mac) refuseMac(facts, wanted.mac);
  if (facts.tapExists) {
    throw duplicate(`Network interface ${changes.tap} exists already`);
  }
  if (wanted.mode === "bridged" && wanted.link === undefined) {
    throw refuse("Mode bridged needs --link", "name the bridge: --link br0");
  }
}

/** What only a NIC that is plugged anew can get. */
function needsReplug(
  { qemu }: NicModifyFacts,
  { changes: { tap } }: NicModify,
  { was, wanted, id, ...modified }: Modified,
): boolean {
  const keys = ["mac", "driver", "queues", "vhost", "vnetHdr"] as const;
  return keys.some((key) => was[key] !== wanted[key]) ||
    (tap !== undefined && tap !== modified.tap) || !qemu.deviceIds.has(id);
}

/** What the tap hangs on, or is to hang on. */
function attachment(
  facts: NicModifyFacts,
  ganeti: GanetiNic | undefined,
  { entry, uuid, settings, script }: {
    entry: NicEntry;
    uuid: string;
    settings: Settings;
    script: string | undefined;
  },
) {
  return attachmentOf(facts, { ...settings, uuid }, {
    instance: facts.paths.name,
    index: ganeti?.seq ?? entry.index,
    ganeti,
    script,
  });
}

/** What the tap hangs on, and what it or the new one is to hang on. */
interface Move {
  readonly from: Attachment;
  readonly to: Attachment;
}

function inPlaceSteps(
  facts: NicModifyFacts,
  { id, tap, wanted, noted, notes, uuid, from, to }: Modified & Move,
): NicStep[] {
  const { script } = notes;
  const { vhost, replug } = noted;
  const moved = !isSame(from, to);
  if (moved) {
    refuseRecorded(from);
    refuseNetwork(facts, { ...wanted, script });
  }
  if (moved && tap === undefined) {
    throw unsupported("Cannot move the NIC: its tap cannot be seen");
  }
  return [
    ...(moved && tap !== undefined
      ? [{ kind: "attach-tap" as const, tap, from, to }]
      : []),
    ...linkStateSteps(facts, id, {
      was: noted.linkState,
      wanted: notes.linkState,
    }),
    ...noteSteps(facts, { uuid, notes: { ...notes, vhost, replug } }),
  ];
}

/** Of a network that is left, the entry tells, not the master. */
function recordedAs(ganeti: GanetiNic, { vlan = "" }: Settings): GanetiNic {
  const { TAGS = "" } = ganeti.environment;
  return { ...ganeti, environment: { TAGS, VLAN: vlan } };
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

function movesOf(
  facts: NicModifyFacts,
  { ganeti }: NicModify,
  modified: Modified,
): Move {
  const { was, wanted, noted, notes } = modified;
  const now = { ...modified, settings: was, script: noted.script };
  const then = { ...modified, settings: wanted, script: notes.script };
  return {
    from: attachment(facts, ganeti && recordedAs(ganeti, was), now),
    to: attachment(facts, ganeti, then),
  };
}

function newView(
  facts: NicModifyFacts,
  { entry, wanted, notes }: Modified,
  how: "in place" | "replug",
): DeviceView {
  const { mac, mode, link, driver, name, queues, vhost } = wanted;
  return {
    ...nicView(entry, facts),
    ...{ mac, mode, driver, queues },
    link: link ?? null,
    name: name ?? null,
    vhost: vhost === "on",
    link_state: notes.linkState,
    ...(how === "replug" ? { tap: null } : {}),
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
): Decision {
  refuseImpossible(facts, NIC_NEEDS["nic-modify"]);
  const modified = modifiedNic(facts, request);
  refuseWrong(facts, request, modified);
  const { entry, uuid, wanted } = modified;
  const replug = needsReplug(facts, request, modified);
  const whole = { ...modified, ...movesOf(facts, request, modified) };
  const { steps: inner, plug } = replug
    ? replugSteps(facts, request, whole)
    : { steps: inPlaceSteps(facts, whole), plug: undefined };
  const members = nicMembers(entry, wanted, request.ganeti?.object);
  const device = newView(facts, modified, replug ? "replug" : "in place");
  const instance = facts.paths.name;
  const common = { action: "modify", instance, device } as const;
  const changes = Object.keys(members).length > 0;
  if (inner.length === 0 && !changes) {
    return { kind: "nothing-to-do", ...common, warnings: [] };
  }
  const { stage, commit } = stateSteps(facts, {
    change: "members",
    list: "nics",
    uuid,
    members,
  });
  const plan = planOf({
    ...common,
    title: titleOf(entry),
    kinds: [NIC.word],
    steps: changes ? [stage, ...inner, commit] : inner,
    turn: plug,
    warnings: replug
      ? startWarnings(facts.content.runtime.hvparams, wanted)
      : [],
  });
  return { kind: "plan", plan };
}
