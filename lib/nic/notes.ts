/**
 * What the tool itself notes of a NIC, as neither QEMU nor the runtime file
 * tells of it: its carrier, the script that joined it, its accelerator. Pure.
 *
 * @module
 */

import type { OwnRecordStep } from "../engine/own_steps.ts";
import type { QmpStep } from "../engine/qmp_steps.ts";
import type { QmpCommand } from "../engine/verbs.ts";
import type { LinkState } from "../host/network_words.ts";
import type { ProcessIdentity } from "../host/process_identity.ts";
import type { Facts } from "../plan/facts.ts";
import { refuseMissingCommands } from "../plan/requirements.ts";
import { command, qmpStep } from "../plan/steps.ts";
import type { OwnDevice } from "../state/own_record.ts";

/** What is noted of a NIC. */
export interface NicNotes {
  /** The carrier the guest sees. */
  readonly linkState: LinkState;
  /** The network script the user gave; undefined: none. */
  readonly script: string | undefined;
  /** Where it is not as the hvparams say. */
  readonly vhost: "on" | "off" | undefined;
  /** When the guest was asked for it in vain, to be plugged anew. */
  readonly replug?: string | undefined;
}

const KEYS = ["linkState", "script", "vhost", "replug"] as const;

/** The script of a NIC that is changed; null takes a noted one away. */
export function scriptOf(
  { script }: { readonly script?: string | null | undefined },
  noted: string | undefined,
): string | undefined {
  return (script === undefined ? noted : script) ?? undefined;
}

/** What is noted of a NIC. */
export function notesOf({ own }: Pick<Facts, "own">, uuid: string): NicNotes {
  const noted = own.record.devices[uuid.toLowerCase()];
  const { linkState = "up", script, vhost, replug } = noted ?? {};
  return { linkState, script, vhost, replug };
}

/** The device's part of the record with these notes; null: there is none. */
function withNotes(
  before: OwnDevice | null,
  { linkState, script, vhost, replug }: NicNotes,
): OwnDevice | null {
  const { linkState: _l, script: _s, vhost: _v, replug: _r, ...rest } =
    before ?? { kind: "nic" as const };
  const after: OwnDevice = {
    ...rest,
    ...(linkState === "down" ? { linkState } : {}),
    ...(script === undefined ? {} : { script }),
    ...(vhost === undefined ? {} : { vhost }),
    ...(replug === undefined ? {} : { replug }),
  };
  return Object.keys(after).length > 1 ? after : null;
}

/**
 * The step that notes what is different; none if all is noted so.
 *
 * @param options.before what an earlier step of the plan records; undefined:
 * what is recorded now
 */
export function noteSteps(
  facts: Pick<Facts, "own"> & { readonly who: ProcessIdentity | null },
  { uuid, notes, before: earlier }: {
    readonly uuid: string;
    readonly notes: NicNotes;
    readonly before?: OwnDevice | null | undefined;
  },
): OwnRecordStep[] {
  const { own, who } = facts;
  const now = notesOf(facts, uuid);
  if (KEYS.every((key) => now[key] === notes[key])) return [];
  const key = uuid.toLowerCase();
  const before = earlier ?? own.record.devices[key] ?? null;
  return [{
    kind: "own-record",
    place: own.place,
    qemu: who,
    change: { uuid: key, before, after: withNotes(before, notes) },
  }];
}

/** Sets the carrier of a NIC. */
export function setLink(id: string, state: LinkState): QmpCommand {
  return command("set_link", { name: id, up: state === "up" });
}

/**
 * The step that sets the carrier.
 *
 * @throws {HotplugError} `unsupported` if this QEMU's monitor does not
 */
export function linkStateSteps(
  { qemu }: Pick<Facts, "qemu">,
  id: string,
  { was, wanted }: { was: LinkState; wanted: LinkState },
): QmpStep[] {
  if (was === wanted) return [];
  refuseMissingCommands(qemu, ["set_link"]);
  const { execute, arguments: args } = setLink(id, wanted);
  return [qmpStep(execute, args, setLink(id, was))];
}
