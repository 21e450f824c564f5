/**
 * Moving a guest into a target that is started from the runtime file.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { until } from "../../tools/guest/deadline.ts";
import { tool } from "./tool.ts";
import { Vm } from "./vm.ts";

/** A folder that is removed at the end of its block. */
export async function temporaryFolder(): Promise<
  AsyncDisposable & { path: string }
> {
  const path = await Deno.makeTempDir({ prefix: "kvm-hotplug-" });
  return {
    path,
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true });
    },
  };
}

/** Moves the guest; both ends are on this node. */
export async function migrate(source: Vm, target: Vm, uri: string) {
  await sent(source, uri);
  await target.arrived();
}

/** Sends the VM, which may have no guest, or be paused. */
export async function sent(source: Vm, uri: string) {
  await source.qmp.execute("migrate", { uri });
  await until(async () => {
    const { status, "error-desc": why } = await source.qmp.execute<
      { status: string; "error-desc"?: string }
    >("query-migrate");
    if (status === "failed") throw new Error(`migration failed: ${why}`);
    return status === "completed" ? true : undefined;
  }, { what: "completion of the migration" });
}

/** The source's command line for a target that has a place of its own. */
export async function targetCommand(source: Vm, runDir: string, uri: string) {
  const { json, status, stderr } = await tool(
    source,
    ...["state", "command", source.name, "--incoming", uri],
  );
  assertEquals([status, stderr], [0, ""]);
  const argv: string[] = json.command;
  assertEquals(argv.slice(-2), ["-incoming", uri]);
  const moved = argv.map((word) => word.replaceAll(source.runDir, runDir));
  const test = `unix:${runDir}/kvm-hypervisor/ctrl/${source.name}.test`;
  return [...moved, "-qmp", `${test},server=on,wait=off`];
}

/**
 * Moves a guest without NICs into a target that is started from its file.
 *
 * @param runDir of the target; the caller removes it
 */
export async function moved(vm: Vm, runDir: string): Promise<Vm> {
  const uri = `unix:${runDir}/migration`;
  const argv = await targetCommand(vm, runDir, uri);
  const target = await Vm.target({ name: vm.name, runDir, argv });
  await Deno.copyFile(vm.runtimePath, target.runtimePath);
  await migrate(vm, target, uri);
  return target;
}
