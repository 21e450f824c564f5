/**
 * The real confinement of a QEMU, read from its process: hvparams tell only
 * what was configured.
 *
 * @module
 */

import { SysError } from "../sys/errno.ts";
import { statPath } from "../sys/file.ts";
import type { Credentials } from "../sys/credentials.ts";
import { readText } from "../sys/regular_file.ts";
import type { QemuProcess } from "./process.ts";

/** How one QEMU process is confined. */
export type Confinement = Readonly<
  NonNullable<ReturnType<typeof readConfinement>>
>;

/** QEMU's options that confine it: qemu-options.hx. */
const OPTIONS = ["-runas", "-chroot", "-run-with", "-sandbox"];

/** The confining options of a command line, each with its value. */
function confiningOptions(argv: readonly string[]): readonly string[] {
  return argv.flatMap((word, i) => {
    const option = word.startsWith("--") ? word.slice(1) : word;
    return OPTIONS.includes(option) ? [`${option} ${argv[i + 1] ?? ""}`] : [];
  });
}

/**
 * Reads from `/proc/PID/status` the credentials by which the kernel judges.
 *
 * @returns undefined if the text has another form
 */
function credentialsOf(
  status: string,
): Credentials & { readonly seccomp: number } | undefined {
  const field = (name: string) =>
    status.split("\n").find((line) => line.startsWith(`${name}:`))
      ?.slice(name.length + 1).trim();
  const numbers = (name: string) =>
    (field(name) ?? "").split(/\s+/).filter((one) => one).map(Number);
  // Real, effective, saved, file system: proc(5).
  const [uid, gid] = [numbers("Uid")[3], numbers("Gid")[3]];
  const capabilities = field("CapEff");
  const fits = uid !== undefined && gid !== undefined &&
    /^[0-9a-f]{1,16}$/.test(capabilities ?? "");
  if (!fits) return undefined;
  return {
    uid,
    gid,
    groups: numbers("Groups"),
    capabilities: BigInt(`0x${capabilities}`),
    seccomp: numbers("Seccomp")[0] ?? 0,
  };
}

/** Two processes are in the same namespace if these links read the same. */
function namespace(
  pid: number,
  kind: "user" | "mnt" | "net",
): "ours" | "another" {
  const ours = Deno.readLinkSync(`/proc/self/ns/${kind}`);
  const its = Deno.readLinkSync(`/proc/${pid}/ns/${kind}`);
  return ours === its ? "ours" : "another";
}

function isOurRoot(pid: number): boolean {
  const [ours, its] = [statPath("/"), statPath(`/proc/${pid}/root`)];
  return ours.inode === its.inode && ours.device === its.device;
}

/**
 * Reads how a process is confined.
 *
 * @returns undefined if it has ended, or we may not look at it
 */
export function readConfinement({ pid, argv }: QemuProcess) {
  try {
    const read = credentialsOf(readText(`/proc/${pid}/status`));
    if (read === undefined) return undefined;
    const { seccomp, ...credentials } = read;
    const mountNamespace = namespace(pid, "mnt");
    const same = isOurRoot(pid) && mountNamespace === "ours";
    const jail: "chroot" | "none" = same ? "none" : "chroot";
    return {
      /** The process that was read. */
      pid,
      /** The credentials by which the kernel judges its accesses. */
      credentials: credentials as Credentials,
      /** Its root directory in our view, `/` if it has none of its own. */
      root: Deno.readLinkSync(`/proc/${pid}/root`),
      /** `chroot`: the same paths name other files. */
      jail,
      /** In another namespace, its uids are not our uids. */
      userNamespace: namespace(pid, "user"),
      /** In another namespace, it does not see our mounts. */
      mountNamespace,
      /** In another namespace, it does not see our taps. */
      networkNamespace: namespace(pid, "net"),
      /** `Seccomp:` of its status: 0 none, 1 strict, 2 filter. */
      seccomp,
      /** Its confining options, e.g. `-runas nobody`. */
      options: confiningOptions(argv),
    };
  } catch (error) {
    // Gone meanwhile, or of another user; anything else is a fault in our code.
    const known = error instanceof SysError ||
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied;
    if (known) return undefined;
    throw error;
  }
}

/** A process's confinement in a few words: `uid 65534, root /run/…`. */
export function confinementText(
  { credentials: { uid }, root, jail }: Confinement,
): string {
  return `uid ${uid}${jail === "none" ? "" : `, root directory ${root}`}`;
}
