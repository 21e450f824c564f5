/**
 * The executable under test, run as a user runs it.
 *
 * @module
 */

import { documentOf } from "../support/document.ts";
import { cli } from "./cli.ts";
import type { Vm } from "./vm.ts";

/** The built executable; `deno task test` builds it before. */
export const EXECUTABLE = new URL("../../dist/kvm-hotplug", import.meta.url)
  .pathname;

/** What one call came to. */
export interface ToolResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The JSON document on stdout, if `--json` was given. */
  // deno-lint-ignore no-explicit-any
  readonly json: any;
}

/**
 * Starts the executable on a VM's run directory.
 *
 * @param options.command how it is run. @default by its path
 */
export function spawnTool(
  vm: Vm,
  args: readonly string[],
  { command = [EXECUTABLE] }: { command?: readonly string[] } = {},
): Deno.ChildProcess {
  const [program = "", ...before] = command;
  return new Deno.Command(program, {
    args: [...before, ...args],
    env: { KVM_HOTPLUG_RUN_DIR: vm.runDir },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/**
 * Waits for a started executable.
 *
 * @param args what it was given. @default it may answer with any document
 */
export async function resultOf(
  process: Deno.ChildProcess,
  args?: readonly string[],
): Promise<ToolResult> {
  const { code, stdout, stderr } = await process.output();
  const text = new TextDecoder().decode(stdout);
  return {
    status: code,
    stdout: text,
    stderr: new TextDecoder().decode(stderr),
    json: text.startsWith("{") ? documentOf(text, args) : undefined,
  };
}

/** Runs the executable with `--json`. */
export async function tool(
  vm: Vm,
  ...args: readonly string[]
): Promise<ToolResult> {
  return await resultOf(spawnTool(vm, [...args, "--json"]), args);
}

/**
 * As {@linkcode tool}, in this process: for what prepares a test, often. Each
 * start of the executable takes a tenth of a second of a processor.
 */
export async function toolHere(
  vm: Vm,
  ...args: readonly string[]
): Promise<ToolResult> {
  const ran = await cli(["--run-dir", vm.runDir, "--json", ...args]);
  const { status, out: stdout, err: stderr } = ran;
  return { status, stdout, stderr, json: ran.json };
}

/** As {@linkcode tool}, for an executable that is run in another way. */
export function toolBy(command: readonly string[]): typeof tool {
  return async (vm, ...args) => {
    const process = spawnTool(vm, [...args, "--json"], { command });
    return await resultOf(process, args);
  };
}
