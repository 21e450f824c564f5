/**
 * Actions before and after the start of QEMU.
 *
 * @module
 */
import type { GuestAgent } from "./agent.ts";
import { PATIENCE_MS, until } from "./deadline.ts";
import { type Layout, makeFolder, makeFolders } from "./layout.ts";
import { fixedArgs, type StartOptions } from "./machine_args.ts";
import type { TestQmp } from "./qmp.ts";
import { runtimeText } from "./runtime.ts";

/** Folders, runtime file, uid file; nothing runs yet. */
export async function prepareInstance(
  name: string,
  layout: Layout,
  options: StartOptions,
): Promise<void> {
  await makeFolders(layout);
  if (options.chroot) await makeFolder(layout.chroot, 0o700);
  if (options.uid !== undefined) {
    await Deno.writeTextFile(layout.uid, `${options.uid}`, { mode: 0o600 });
  }
  const text = runtimeText(
    fixedArgs(name, layout, options),
    options.runtime ?? {},
  );
  await Deno.writeTextFile(layout.runtime, text, { mode: 0o600 });
}

/** Waits until the guest answers, if it can be expected to. */
export async function comeUp(
  qmp: TestQmp,
  agent: GuestAgent,
  options: StartOptions,
): Promise<void> {
  if (options.restoreFrom) {
    await until(async () => {
      const { status } = await qmp.execute<{ status: string }>("query-status");
      return status === "inmigrate" ? undefined : true;
    }, { what: "end of the restore" });
  }
  if (options.paused || options.guest === "none") return;
  if (!options.restoreFrom) return await agent.booted(PATIENCE_MS);
  await agent.resync();
  await agent.run("true", PATIENCE_MS);
}
