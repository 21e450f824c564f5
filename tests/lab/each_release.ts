/**
 * Tests that are run with every QEMU release at hand.
 *
 * @module
 */

import { whyLeftOut } from "../../tools/guest/without.ts";
import { isNew } from "../../tools/setup.ts";
import { ifPossible, unless } from "../support/left_out.ts";
import { testTools, Vm, type VmOptions } from "./vm.ts";

const tools = await testTools();

// By itself, a test that is run with one QEMU less would say nothing of it.
const why = whyLeftOut("NEWER_QEMU");
if (why !== undefined) {
  const leave = tools.qemus.some(isNew) ? ifPossible : unless;
  Deno.test(leave(why, "the same with a second, newer QEMU"), () => {});
}

/** What is particular to a machine. */
export interface EachOptions extends Partial<VmOptions> {
  /**
   * `tmpfs`: a file system of its own, whose mount options the test may change.
   * @default what temporary folders lie on
   */
  readonly runDirOn?: "tmpfs";
  /** A machine type for each release in turn. @default as `machine` says */
  readonly machines?: readonly string[];
  /** Why what it needs is not to be had; none: it is run. */
  readonly leftOut?: string | undefined;
}

/** The same, or of one that needs to know its folder. */
export type Machine =
  | EachOptions
  | ((runDir: string) => Promise<Partial<VmOptions>>);

/** No saved state fits a command line that names the machine's own folder. */
function isBooted(machine: Machine, options: Partial<VmOptions>): boolean {
  return typeof machine === "function" || options.guest === "none";
}

/** The options of a release's machine, whose number counts from 0. */
async function optionsFor(
  machine: Machine,
  { runDir, number }: { runDir: string; number: number },
): Promise<Partial<VmOptions>> {
  if (typeof machine === "function") return await machine(runDir);
  const { machines = [], ...options } = machine;
  const type = machines[number % machines.length];
  if (type === undefined) return options;
  const extraArgs = [...options.extraArgs ?? [], "-machine", type];
  return { ...options, extraArgs };
}

/**
 * A machine of its own for each test and release; all of it is cleaned up. The
 * body is told the release's number, which counts from 0.
 */
export function eachRelease(
  title: string,
  body: (
    vm: Vm,
    context: Deno.TestContext,
    number: number,
  ) => Promise<void>,
  machine: Machine = {},
): void {
  for (const [number, release] of tools.qemus.entries()) {
    const why = "leftOut" in machine ? machine.leftOut : undefined;
    const name = `QEMU ${release.name}: ${title}`;
    Deno.test(unless(why, name), async (context) => {
      const runDir = await Deno.makeTempDir({ prefix: "kvm-hotplug-" });
      const runDirOn = "runDirOn" in machine ? machine.runDirOn : undefined;
      if (runDirOn) await host("mount", "-t", runDirOn, runDirOn, runDir);
      try {
        const options = await optionsFor(machine, { runDir, number });
        const start = isBooted(machine, options) ? Vm.start : Vm.restored;
        await using vm = await start({ release, tools, runDir, ...options });
        await body(vm, context, number);
      } finally {
        if (runDirOn) await host("umount", "--recursive", "--lazy", runDir);
        await Deno.remove(runDir, { recursive: true });
      }
    });
  }
}

/**
 * Makes a disk image that begins with a marker.
 *
 * @param sizeMiB 8 unless told
 */
export async function makeImage(
  path: string,
  marker: string,
  { sizeMiB = 8 } = {},
): Promise<void> {
  await Deno.writeTextFile(path, marker);
  await Deno.truncate(path, sizeMiB * 1024 * 1024);
}

/** Runs a program of this node and returns its output. */
export async function host(program: string, ...args: string[]) {
  const { success, stdout, stderr } = await new Deno.Command(program, { args })
    .output();
  if (success) return new TextDecoder().decode(stdout).trim();
  throw new Error(
    `${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`,
  );
}
