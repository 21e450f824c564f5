/**
 * A process in QEMU's place.
 *
 * @module
 */

import type { Instance } from "./scripted_instance.ts";

/**
 * A process that the pid file shows as an instance's QEMU.
 *
 * @param by a program that becomes it, with its words. @default none
 */
export async function pretend(
  vm: Instance,
  name: string,
  by: readonly string[] = [],
): Promise<Deno.ChildProcess> {
  const words = ["sh", "-c", "echo; read -r line", "qemu", "-name", name];
  const [program = "", ...args] = [...by, ...words];
  const process = new Deno.Command(program, {
    args,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  // Its command line is there once it says something.
  const reader = process.stdout.getReader();
  await reader.read();
  await reader.cancel();
  Deno.writeTextFileSync(vm.at(`pid/${name}`), `${process.pid}\n`);
  return process;
}

/** Ends such a process. */
export async function ending(process: Deno.ChildProcess) {
  await process.stdin.close();
  await process.status;
}
