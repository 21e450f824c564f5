/**
 * Root directories of Debian 11: what an older node has, of which the tool
 * uses the C library (2.31), and the tests QEMU (5.2).
 *
 * @module
 */
import { install } from "./apt.ts";
import { debianArchive, KEYRING } from "./backports.ts";
import { cacheFolder, makeOnce } from "./cache.ts";
import { isInPath, run } from "./run.ts";
import type { Log } from "./types.ts";

const SUITE = "bullseye";

/** The packages of a root beside the packages of every Debian. */
const PACKAGES = {
  /** For NICs. */
  node: ["iproute2"],
  /** The node with a QEMU of its own. */
  qemu: ["iproute2", "qemu-system-x86", "ipxe-qemu", "seabios"],
} as const;

/** Files that only apt needs: half of the root. */
const NOT_NEEDED = ["var/cache/apt", "var/lib/apt/lists", "usr/share/doc"];

/**
 * The folder of such a root, made by debootstrap in the first call, which must
 * be root's: not to be changed, for all tests share it.
 *
 * @throws {Error} if this machine's archive has no Debian 11
 */
export async function ensureDebian11(
  kind: keyof typeof PACKAGES,
  log: Log,
): Promise<string> {
  const target = `${await cacheFolder()}/debian11-${kind}`;
  return await makeOnce(target, async (folder) => {
    if (!await isInPath("debootstrap")) await install(["debootstrap"], log);
    const uri = await debianArchive();
    const include = PACKAGES[kind].join(",");
    log(`debootstrap ${SUITE} from ${uri}, with ${include}`);
    await run("unshare", [
      // Killed, it leaves no mounts.
      ...["--mount", "--propagation", "private"],
      ...["debootstrap", "--variant=minbase", `--include=${include}`],
      ...[`--keyring=${KEYRING}`, SUITE, folder, uri],
    ]);
    for (const path of NOT_NEEDED) {
      await Deno.remove(`${folder}/${path}`, { recursive: true });
    }
  });
}
