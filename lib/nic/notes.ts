/**
 * The tool's own notes about a NIC, which neither QEMU nor the runtime file
 * tells: its carrier, the script that connected it, its accelerator. Pure.
 *
 * @module
 */

import { isParavirtual, type Nic, settingsAtStart } from "../device/nic.ts";
import type { OwnRecordStep } from "../engine/own_steps.ts";
import type { QmpStep } from "../engine/qmp_steps.ts";
import type { QmpCommand } from "../engine/verbs.ts";
import type { LinkState } from "../host/network_words.ts";
import type { Facts } from "../plan/facts.ts";
import { refuseMissingCommands } from "../plan/requirements.ts";
import { command } from "../plan/steps.ts";
import type { Hvparams } from "../state/hvparams.ts";
import {
  type AskedRelease,
  noteOn,
  type OwnDevice,
} from "../state/own_check.ts";
import { nicNote } from "./note.ts";

/** The notes about a NIC. */
export interface NicNotes
  extends Pick<Nic, "linkState" | "script" | "mtu" | "rateIn" | "rateOut"> {
  /** If it differs from the hvparams. */
  readonly vhost?: "on" | "off" | undefined;
  /**
   * The time when the guest was asked for it without success, to plug it again.
   */
  readonly replug?: AskedRelease | undefined;
}

/** The notes about a NIC. */
export function notesOf(
  { own }: { readonly own?: Facts["own"] | undefined },
  uuid: string,
): NicNotes {
  const noted = noteOn(own?.record, uuid.toLowerCase());
  const known = nicNote(noted) ? noted : undefined;
  const { linkState = "up", script, vhost, replug } = known ?? {};
  const { mtu, rateIn, rateOut } = known ?? {};
  return { linkState, script, vhost, replug, mtu, rateIn, rateOut };
}

/** The notes for a NIC that is plugged. */
export function notesFor(
  { driver, linkState, script, vhost, mtu, rateIn, rateOut }: Nic,
  hvparams: Hvparams,
): NicNotes {
  const atStart = settingsAtStart(driver, hvparams);
  const noted = vhost === atStart.vhost ? undefined : vhost;
  const ofTap = isParavirtual(driver) ? undefined : mtu;
  const notes = { linkState, script, vhost: noted, replug: undefined };
  return { ...notes, mtu: ofTap, rateIn, rateOut };
}

/** The device's part of the record with these notes; null: none. */
function withNotes(
  before: OwnDevice | null,
  { linkState, ...notes }: NicNotes,
): OwnDevice | null {
  const { kind = "nic", ...rest } = before ?? {};
  const down = linkState === "down" ? linkState : undefined;
  const after = Object.fromEntries(
    Object.entries({ ...rest, linkState: down, ...notes })
      .filter(([_, value]) => value !== undefined),
  );
  return Object.keys(after).length > 0 ? { kind, ...after } : null;
}

/**
 * The step that notes differences; none if everything is noted already.
 *
 * @param options.notes members that are missing here stay
 * @param options.before the part of the record after an earlier step of the
 * plan; undefined: the present one
 */
export function noteSteps(
  facts: Pick<Facts, "own">,
  { uuid, notes, before: earlier }: {
    readonly uuid: string;
    readonly notes: Partial<NicNotes>;
    readonly before?: OwnDevice | null | undefined;
  },
): OwnRecordStep[] {
  const { own } = facts;
  const now = notesOf(facts, uuid);
  const then = { ...now, ...notes };
  const keys = [
    ...["linkState", "script", "vhost", "replug"] as const,
    ...["mtu", "rateIn", "rateOut"] as const,
  ];
  if (keys.every((key) => now[key] === then[key])) return [];
  const key = uuid.toLowerCase();
  const before = earlier ?? noteOn(own.record, key) ?? null;
  return [{
    kind: "own-record",
    place: own.place,
    qemu: own.qemu,
    change: { uuid: key, before, after: withNotes(before, then) },
  }];
}

/** Sets the carrier of a NIC. */
export function setLink(id: string, state: LinkState): QmpCommand {
  return command("set_link", { name: id, up: state === "up" });
}

/**
 * The step that sets the carrier. QEMU does not tell the carrier, so the
 * requested state is always set again.
 *
 * @throws {HotplugError} `unsupported` if this QEMU's monitor cannot
 */
export function linkStateSteps(
  { qemu }: Pick<Facts, "qemu">,
  id: string,
  { was, wanted, asked }: {
    readonly was: LinkState;
    readonly wanted: LinkState;
    readonly asked?: LinkState | undefined;
  },
): QmpStep[] {
  if (was === wanted && asked === undefined) return [];
  refuseMissingCommands(qemu, ["set_link"]);
  return [{ kind: "qmp", ...setLink(id, wanted), undo: setLink(id, was) }];
}
