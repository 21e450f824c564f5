/**
 * The throw-away machines of tools/guest, as the tests use them.
 *
 * @module
 */
import { ensureTools, type Tools } from "../../tools/setup.ts";

export type { GuestResult } from "../../tools/guest/agent.ts";
export type { MachineOptions } from "../../tools/guest/machine_args.ts";
export { TestQmp } from "../../tools/guest/qmp.ts";
export { savedGuest, Vm, type VmOptions } from "../../tools/guest/vm.ts";

/** The tools of this machine: {@link ensureTools}, telling stderr. */
export async function testTools(): Promise<Tools> {
  const log = (line: string) => console.error(`setup: ${line}`);
  return await ensureTools({ purpose: "tests", log });
}
