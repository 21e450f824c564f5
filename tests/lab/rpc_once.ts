/**
 * A master that calls the built executable.
 *
 * @module
 */

import { type Doc, responseOf } from "../support/document.ts";
import { EXECUTABLE } from "./tool.ts";
import type { Vm } from "./vm.ts";

/**
 * The responses to requests, in the order they came.
 *
 * @param between awaited before each but the first is sent
 */
export async function rpcAll(
  vm: Vm,
  requests: readonly (readonly [method: string, params: unknown])[],
  between: () => Promise<void>,
): Promise<Doc[]> {
  const process = new Deno.Command(EXECUTABLE, {
    args: ["rpc"],
    env: { KVM_HOTPLUG_RUN_DIR: vm.runDir },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  for (const [id, [method, params]] of requests.entries()) {
    if (id > 0) await between();
    const request = { jsonrpc: "2.0", id, method, params };
    const line = JSON.stringify(request) + "\n";
    await writer.write(new TextEncoder().encode(line));
  }
  await writer.close();
  const { stdout } = await process.output();
  const answers = new TextDecoder().decode(stdout).trimEnd().split("\n");
  return answers.map((line) => {
    const { id } = JSON.parse(line);
    return responseOf(line, requests[id]?.[0]);
  });
}

/** The response to one request. */
export async function rpcOnce(
  vm: Vm,
  method: string,
  params: unknown,
): Promise<Doc> {
  const [answer] = await rpcAll(
    vm,
    [[method, params]],
    () => Promise.resolve(),
  );
  return answer ?? {};
}
