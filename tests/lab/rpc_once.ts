/**
 * A master with one request to the built executable.
 *
 * @module
 */

import { responseOf } from "../support/document.ts";
import { EXECUTABLE } from "./tool.ts";
import type { Vm } from "./vm.ts";

/** The response to one request. */
export async function rpcOnce(
  vm: Vm,
  method: string,
  params: unknown,
  // deno-lint-ignore no-explicit-any -- a test reads it as it likes
): Promise<any> {
  const process = new Deno.Command(EXECUTABLE, {
    args: ["rpc"],
    env: { KVM_HOTPLUG_RUN_DIR: vm.runDir },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const request = { jsonrpc: "2.0", id: 1, method, params };
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(request) + "\n"));
  await writer.close();
  const { stdout } = await process.output();
  return responseOf(new TextDecoder().decode(stdout), method);
}
