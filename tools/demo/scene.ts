/**
 * The scenes of the demo: a disk and a NIC are added to a VM and removed again.
 *
 * @module
 */

import type { Vm } from "../guest/vm.ts";

/**
 * Hypervisor parameters that only a Ganeti has that computes device ids
 * itself, left out: so devices get the ids of the design document.
 */
export const NO_GANETI = {
  kvm_pci_reservations: undefined,
  scsi_controller_type: undefined,
};

/** Sees one line of the demo, or a few. */
export type Tell = (text: string) => void;

/** A heading, in bold. */
export const HEADING = (text: string): string => `\n\x1b[1m${text}\x1b[0m`;

/** Shows a command of this node and its output. */
async function show(
  program: string,
  args: readonly string[],
  tell: Tell,
): Promise<void> {
  tell(`$ ${["kvm-hotplug", ...args].join(" ")}`);
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
  })
    .output();
  const decoder = new TextDecoder();
  tell((decoder.decode(stdout) + decoder.decode(stderr)).trimEnd());
  if (!success) throw new Error(`kvm-hotplug ${args.join(" ")} failed`);
}

const LOOK = [
  "echo disks: $(ls /sys/block | grep ^vd || echo none)",
  "echo NICs: $(cat /sys/class/net/eth*/address 2>/dev/null || echo none)",
].join("; ");

/** Shows the disks and NICs that the guest has. */
export async function guestSees(vm: Vm, tell: Tell): Promise<void> {
  const { output } = await vm.guest(LOOK);
  for (const line of output.trim().split("\n")) tell(`  guest> ${line}`);
}

/** The place and the parts of the demo. */
export interface Scene {
  readonly vm: Vm;
  readonly executable: string;
  readonly image: string;
  /** Sees each line. */
  readonly tell: Tell;
}

/** Plugs a disk and a NIC into the VM, and takes them out again. */
export async function hotplug(
  { vm, executable, image, tell }: Scene,
): Promise<void> {
  const { name } = vm;
  const say = (text: string) => tell(HEADING(text));
  const tool = (...words: string[]) => show(executable, words, tell);
  say("3. A disk and a NIC go in");
  await tool("disk", "add", name, image, "--name", "data");
  await tool("nic", "add", name, "--name", "front");
  await tool("list", name);
  await vm.waitGuest("test -b /dev/vda && test -d /sys/class/net/eth0");
  await guestSees(vm, tell);
  const read = await vm.guest("head -n 1 /dev/vda");
  tell(`  guest> first line of /dev/vda: ${read.output.trim()}`);

  say("4. They come out again");
  await tool("disk", "remove", name, "data");
  await tool("nic", "remove", name, "front");
  await tool("list", name);
  await guestSees(vm, tell);
}
