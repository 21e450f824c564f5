/**
 * A disk with udev, for guests that have none.
 *
 * @module
 */

import { ensureUdev } from "../../tools/guest/udev.ts";
import { host } from "./each_release.ts";
import { copyProgram } from "./node_image.ts";

/** What udev's rules run, and udev itself, wherever Debian has them. */
const PROGRAMS = [/\/bin\/udevadm$/, /\/udev\/scsi_id$/];

async function* filesBelow(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* filesBelow(path);
    else yield path;
  }
}

/**
 * Makes the disk.
 *
 * @param folder absolute; holds the disk `udev.img` then
 */
export async function makeUdevImage(folder: string): Promise<string> {
  const udev = await ensureUdev((line) => console.error(`setup: ${line}`));
  const root = `${folder}/udev`;
  await host("cp", "--archive", udev, root);
  for (const name of ["dev", "proc", "run", "sys"]) {
    await Deno.mkdir(`${root}/${name}`, { recursive: true });
  }
  for await (const path of filesBelow(udev)) {
    if (!PROGRAMS.some((one) => one.test(path))) continue;
    await copyProgram(path, root);
  }
  await Deno.remove(root + udev, { recursive: true });
  const image = `${folder}/udev.img`;
  const features = ["-t", "ext4", "-O", "^has_journal"];
  await host("mke2fs", "-q", ...features, "-d", root, image, "64M");
  await Deno.remove(root, { recursive: true });
  return image;
}

/** The command that starts it in a guest that has the disk as `/dev/vda`. */
export const START_UDEV = `mkdir -p /udev && mount -t ext4 /dev/vda /udev &&
mount --bind /dev /udev/dev && mount -t proc proc /udev/proc &&
mount -t sysfs sys /udev/sys && mount -t tmpfs run /udev/run &&
chroot /udev /bin/udevadm --version &&
chroot /udev /lib/systemd/systemd-udevd --daemon`;
