/**
 * The carrier that a NIC shows its guest. Pure.
 *
 * @module
 */

import type { Facts } from "../plan/facts.ts";
import { command, qmpStep } from "../plan/steps.ts";
import { refuseMissingCommands } from "../plan/requirements.ts";
import type { QmpCommand, QmpStep } from "./step.ts";

/** Sets the carrier of a NIC. */
export function setLink(id: string, state: "up" | "down"): QmpCommand {
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
  { was, wanted }: { was: "up" | "down"; wanted: "up" | "down" },
): QmpStep[] {
  if (was === wanted) return [];
  refuseMissingCommands(qemu, ["set_link"]);
  const { execute, arguments: args } = setLink(id, wanted);
  return [qmpStep(execute, args, setLink(id, was))];
}
