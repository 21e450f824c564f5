/**
 * An operation that ends at one of its commands: QEMU refuses it, and takes the
 * same one when that is being undone; or the tool is killed.
 *
 * @module
 */

import { QmpProxy, refusal } from "../lab/proxy.ts";
import { spawnTool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

/** Who is refused is asked again later, and would then be obeyed. */
const ALWAYS = ["device_del"];

/** Runs something while QEMU refuses a command of this name. */
export async function refusing<T>(
  vm: Vm,
  command: string,
  body: () => Promise<T>,
): Promise<T> {
  await using proxy = QmpProxy.start(vm.qmpPath);
  let count = 0;
  proxy.hook = (one) => {
    if (one.message.execute !== command) return "pass";
    if (count++ > 0 && !ALWAYS.includes(command)) return "pass";
    return refusal(one, "refused by the test");
  };
  return await body();
}

/** Kills the tool before or after QEMU has its first command of this name. */
export async function killed(
  vm: Vm,
  words: readonly string[],
  { command, when }: { command: string; when: "before" | "after" },
): Promise<void> {
  await using proxy = QmpProxy.start(vm.qmpPath);
  const process = spawnTool(vm, words);
  const output = process.output();
  let isOver = false;
  const kill = async () => {
    isOver = true;
    process.kill("SIGKILL");
    await process.status;
  };
  proxy.hook = async (one) => {
    if (isOver || one.message.execute !== command) return "pass";
    if (when === "before") {
      await kill();
      return "cut";
    }
    return "pass";
  };
  proxy.sent = async (one) => {
    if (!isOver && one.message.execute === command) await kill();
  };
  const { signal } = await output;
  if (signal !== "SIGKILL") throw new Error(`not killed at ${command}`);
}
