/**
 * `deno task demo`: a throw-away VM, a disk and a NIC plugged into it and
 * taken out again by the built executable, and what the guest sees of it.
 *
 * @module
 */

import { buildExecutable } from "./build/executable.ts";
import { guestSees, HEADING, hotplug, NO_GANETI } from "./demo/scene.ts";
import { Vm } from "./guest/vm.ts";
import { ensureTools } from "./setup.ts";

const NAME = "demo.example.com";
const tell = (line: string) => console.log(line);

const say = (text: string) => console.log(HEADING(text));

async function demo(runDir: string): Promise<void> {
  say("1. Set-up");
  const log = (line: string) => console.log(`setup: ${line}`);
  const tools = await ensureTools({ purpose: "demo", log });
  const [release] = tools.qemus;
  if (release === undefined) throw new Error("there is no QEMU");
  const { path: executable, sizeBytes } = await buildExecutable({});
  console.log(`built ${executable}, ${(sizeBytes / 1e6).toFixed(1)} MB`);
  Deno.env.set("KVM_HOTPLUG_RUN_DIR", runDir);

  say(`2. A VM under QEMU ${release.version} (TCG) boots`);
  const runtime = { hvparams: NO_GANETI };
  const options = { release, tools, runDir, name: NAME, runtime };
  await using vm = await Vm.start(options);
  console.log(`up after ${(vm.startMs / 1000).toFixed(1)} s`);
  await guestSees(vm, tell);

  const image = `${runDir}/data.img`;
  await Deno.writeTextFile(image, "written by the host\n");
  await Deno.truncate(image, 64 * 1024 * 1024);
  await hotplug({ vm, executable, image, tell });
}

/** Ctrl-C cleans up too; the VM ends with us. */
function cleanUpOnInterrupt(runDir: string) {
  Deno.addSignalListener("SIGINT", () => {
    Deno.removeSync(runDir, { recursive: true });
    Deno.exit(130);
  });
}

const begin = performance.now();
const runDir = await Deno.makeTempDir({ prefix: "demo-" });
cleanUpOnInterrupt(runDir);
let status = 0;
try {
  await demo(runDir);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  status = 1;
} finally {
  await Deno.remove(runDir, { recursive: true });
}
const seconds = ((performance.now() - begin) / 1000).toFixed(1);
say(`The VM and its files are gone again, after ${seconds} s.`);
Deno.exit(status);
