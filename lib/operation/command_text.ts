/**
 * QMP commands as a person reads them.
 *
 * @module
 */

import type { QmpCommand } from "./step.ts";

/** The command's name and its arguments as JSON. */
export function formatCommand(command: QmpCommand): string {
  return `${command.execute} ${JSON.stringify(command.arguments)}`;
}
