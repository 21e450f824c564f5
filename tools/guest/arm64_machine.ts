/**
 * A whole aarch64 machine in full emulation: QEMU for it, Debian's kernel and
 * a busybox, all unpacked into the cache folder.
 *
 * @module
 */
import { dependency, refreshing, unpack } from "./apt.ts";
import { withArm64 } from "./backports.ts";
import { cacheFolder, makeOnce } from "./cache.ts";
import type { Log } from "./types.ts";

/** Paths of the machine's parts. */
export interface Arm64Machine {
  /** qemu-system-aarch64, which finds its data by `-L`. */
  readonly qemu: readonly string[];
  readonly kernel: string;
  /** Statically linked. */
  readonly busybox: string;
}

/** Its other parts come with qemu-system-x86. */
const QEMU = ["qemu-system-arm", "qemu-system-data", "ipxe-qemu"];
const META = "linux-image-cloud-arm64";

/**
 * The machine; the first call downloads some 60 MB.
 *
 * @throws {Error} if this machine's archive lacks a package
 */
export async function ensureArm64Machine(log: Log): Promise<Arm64Machine> {
  const target = `${await cacheFolder()}/arm64-machine`;
  const folder = await makeOnce(target, async (temporary) => {
    await refreshing(log, () => unpack(QEMU, temporary));
    const what = `${META} and busybox-static for arm64`;
    const place = { folder: `${temporary}/arm64`, what, log };
    await withArm64(place, async (config) => {
      const image = await dependency(META, /^linux-image-\d/, config);
      if (image === undefined) throw new Error(`Cannot find ${META}`);
      await unpack([image, "busybox-static"], place.folder, config);
    });
  });
  const boot = `${folder}/arm64/boot`;
  const image = [...Deno.readDirSync(boot)]
    .find(({ name }) => name.startsWith("vmlinuz-"));
  if (image === undefined) throw new Error(`Cannot find a kernel in ${boot}`);
  const data = `${folder}/usr/share/qemu`;
  return {
    qemu: [`${folder}/usr/bin/qemu-system-aarch64`, "-L", data],
    kernel: `${boot}/${image.name}`,
    busybox: `${folder}/arm64/bin/busybox`,
  };
}
