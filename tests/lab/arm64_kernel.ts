/**
 * Debian's kernel for arm64 in full emulation, with the executable in its
 * first root.
 *
 * @module
 */

import { ensureArm64Machine } from "../../tools/guest/arm64_machine.ts";
import {
  characterDevice,
  cpioArchive,
  type CpioEntry,
  file,
  folder,
  link,
} from "../../tools/guest/cpio.ts";

const APPLETS = ["sh", "mount", "mkfifo", "wc", "uname", "poweroff"];

const INIT = (script: string) =>
  `#!/bin/sh
export PATH=/bin HOME=/
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
echo BEGIN
(${script}
)
echo END
poweroff -f
`;

function libraries(path: string): CpioEntry[] {
  return [...Deno.readDirSync(path)].filter(({ isFile }) => isFile)
    .map(({ name }) =>
      file(`lib/${name}`, Deno.readFileSync(`${path}/${name}`))
    );
}

/**
 * Boots, runs a shell script and returns what it wrote.
 *
 * @param parts.executable for aarch64; `/kvm-hotplug` there.
 * @param parts.libraries a folder with the C library for it.
 * @param parts.scratch a folder for the initrd, the caller's to remove.
 */
export async function runOnArm64(
  script: string,
  parts: { executable: string; libraries: string; scratch: string },
): Promise<string> {
  const { qemu, kernel, busybox } = await ensureArm64Machine(console.error);
  const archive = cpioArchive([
    ...["bin", "dev", "lib", "proc", "sys", "tmp"].map(folder),
    characterDevice("dev/console", 5, 1),
    file("bin/busybox", await Deno.readFile(busybox)),
    ...APPLETS.map((name) => link(`bin/${name}`, "busybox")),
    file("init", INIT(script)),
    file("kvm-hotplug", await Deno.readFile(parts.executable)),
    ...libraries(parts.libraries),
  ]);
  const initrd = `${parts.scratch}/initrd`;
  await Deno.writeFile(initrd, archive);
  const [program = "", ...args] = qemu;
  const { stdout, stderr } = await new Deno.Command(program, {
    args: [
      ...[...args, "-machine", "virt", "-cpu", "cortex-a72", "-m", "1024"],
      ...["-smp", "2", "-accel", "tcg,thread=multi", "-nodefaults"],
      ...["-no-reboot", "-display", "none", "-serial", "stdio"],
      ...["-kernel", kernel, "-initrd", initrd],
      ...["-append", "console=ttyAMA0 quiet panic=-1"],
    ],
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stdout).replaceAll("\r", "");
  const found = /\nBEGIN\n([^]*)END\n/.exec(`\n${said}`)?.[1];
  if (found !== undefined) return found;
  throw new Error(`No answer: ${said}${new TextDecoder().decode(stderr)}`);
}
