/**
 * `deno task demo`: a throw-away VM, a disk and a NIC plugged into it and
 * taken out again by the built executable, and what the guest sees of it.
 *
 * @module
 */

import { buildExecutable } from "./build/executable.ts";
import { Vm } from "./guest/vm.ts";
import { ensureTools } from "./setup.ts";

const NAME = "demo.example.com";

/**
 * Hypervisor parameters that only a Ganeti has that computes device ids
 * itself, left out: so devices get the ids of the design document.
 */
const NO_GANETI = {
  kvm_pci_reservations: undefined,
  scsi_controller_type: undefined,
};

function say(text: string) {
  console.log(`\n\x1b[1m${text}\x1b[0m`);
}

/** Shows a command of this node and its output. */
async function show(program: string, ...args: string[]): Promise<void> {
  console.log(`$ ${["kvm-hotplug", ...args].join(" ")}`);
  const { success, stdout, stderr } = await new Deno.Command(program, { args })
    .output();
  const decoder = new TextDecoder();
  console.log((decoder.decode(stdout) + decoder.decode(stderr)).trimEnd());
  if (!success) throw new Error(`kvm-hotplug ${args.join(" ")} failed`);
}

const LOOK = [
  "echo disks: $(ls /sys/block | grep ^vd || echo none)",
  "echo NICs: $(cat /sys/class/net/eth*/address 2>/dev/null || echo none)",
].join("; ");

async function guestSees(vm: Vm): Promise<void> {
  const { output } = await vm.guest(LOOK);
  for (const line of output.trim().split("\n")) console.log(`  guest> ${line}`);
}

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
  await guestSees(vm);

  const image = `${runDir}/data.img`;
  await Deno.writeTextFile(image, "written by the host\n");
  await Deno.truncate(image, 64 * 1024 * 1024);
  await hotplug({ vm, executable, image });
}

interface Scene {
  readonly vm: Vm;
  readonly executable: string;
  readonly image: string;
}

async function hotplug({ vm, executable, image }: Scene): Promise<void> {
  say("3. A disk and a NIC go in");
  await show(executable, "disk", "add", NAME, image, "--name", "data");
  await show(executable, "nic", "add", NAME, "--name", "front");
  await show(executable, "list", NAME);
  await vm.waitGuest("test -b /dev/vda && test -d /sys/class/net/eth0");
  await guestSees(vm);
  const read = await vm.guest("head -n 1 /dev/vda");
  console.log(`  guest> first line of /dev/vda: ${read.output.trim()}`);

  say("4. They come out again");
  await show(executable, "disk", "remove", NAME, "data");
  await show(executable, "nic", "remove", NAME, "front");
  await show(executable, "list", NAME);
  await guestSees(vm);
}

/** Ctrl-C cleans up too; the VM ends with us. */
function cleanUpOnInterrupt(runDir: string) {
  Deno.addSignalListener("SIGINT", () => {
    Deno.removeSync(runDir, { recursive: true });
    Deno.exit(130);
  });
}

const begin = performance.now();
const runDir = await Deno.makeTempDir({ prefix: "kvm-hotplug-demo-" });
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
