/**
 * The carrier that a NIC shows its guest: set in QEMU, and noted, as neither
 * QEMU nor the runtime file tells of it. Pure.
 *
 * @module
 */

import type { ProcessIdentity } from "../host/process_identity.ts";
import type { OwnDevice } from "../state/own_record.ts";
import type { OwnRecordStep } from "./access_steps.ts";
import type { Facts } from "./facts.ts";
import { command, qmpStep } from "./plan_common.ts";
import { refuseMissingCommands } from "./requirements.ts";
import type { QmpCommand, QmpStep } from "./step.ts";

/** Sets the carrier of a NIC. */
export function setLink(id: string, state: "up" | "down"): QmpCommand {
  return command("set_link", { name: id, up: state === "up" });
}

/** What is noted of a NIC's carrier. */
export function linkStateOf(
  { own }: Pick<Facts, "own">,
  uuid: string,
): "up" | "down" {
  return own.record.devices[uuid.toLowerCase()]?.linkState ?? "up";
}

/**
 * The step that sets the carrier.
 *
 * @throws {HotplugError} `unsupported` if this QEMU's monitor does not
 */
export function linkStateSteps(
  { qemu }: Pick<Facts, "qemu">,
  id: string,
  { was, wanted }: { was: "up" | "down"; wanted: "up" | "down" },
): QmpStep[] {
  if (was === wanted) return [];
  refuseMissingCommands(qemu, ["set_link"]);
  const { execute, arguments: args } = setLink(id, wanted);
  return [qmpStep(execute, args, setLink(id, was))];
}

/** The step that notes a carrier which is down, or forgets it. */
export function noteLinkState(
  { own, who }: Pick<Facts, "own"> & { readonly who: ProcessIdentity | null },
  uuid: string,
  linkState: "up" | "down",
): OwnRecordStep[] {
  const key = uuid.toLowerCase();
  const before = own.record.devices[key] ?? null;
  const { linkState: was = "up", ...rest } = before ?? { kind: "nic" as const };
  if (was === linkState) return [];
  const kept: OwnDevice | null = Object.keys(rest).length > 1 ? rest : null;
  const after: OwnDevice | null = linkState === "down"
    ? { ...rest, linkState }
    : kept;
  return [{
    kind: "own-record",
    place: own.place,
    qemu: who,
    change: { uuid: key, before, after },
  }];
}
