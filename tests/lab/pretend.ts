/**
 * A process in QEMU's place.
 *
 * @module
 */

import type { Instance } from "./scripted_instance.ts";

/** A process that the pid file shows as an instance's QEMU. */
export async function pretend(
  vm: Instance,
  name: string,
): Promise<Deno.ChildProcess> {
  const process = new Deno.Command("/bin/sh", {
    args: ["-c", "echo; read -r line", "qemu", "-name", name],
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
