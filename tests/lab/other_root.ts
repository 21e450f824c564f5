/**
 * Programs run in the root directory of another distribution.
 *
 * @module
 */

/**
 * Builds a root in memory of a distribution's folders, which cannot be changed
 * there, and folders of this machine, by their own names. The mounts go with
 * the last process in their namespace.
 */
const ASSEMBLE = `set -e
from=$1 root=$2; shift 2
mount -t tmpfs -o mode=755 tmpfs "$root"
for path in "$from"/*; do
  name=\${path##*/}
  if [ -L "$path" ]; then
    cp -P "$path" "$root"
    continue
  fi
  mkdir "$root/$name"
  case $name in
    proc|sys|dev) mount --rbind "/$name" "$root/$name" ;;
    bin|sbin|lib*|usr|etc|var)
      mount --bind "$path" "$root/$name"
      mount -o remount,bind,ro "$root/$name" ;;
  esac
done
for path; do
  mkdir -p "$root$path"
  mount --rbind "$path" "$root$path"
done
echo ready
exec cat`;

/** A root directory in a mount namespace of its own, until it is disposed. */
export class OtherRoot implements AsyncDisposable {
  readonly #holder: Deno.ChildProcess;
  readonly #root: string;

  private constructor(holder: Deno.ChildProcess, root: string) {
    this.#holder = holder;
    this.#root = root;
  }

  /**
   * @param folder the distribution's root, which is not changed.
   * @param shared absolute paths of folders that are there as they are here.
   */
  static async enter(
    folder: string,
    shared: readonly string[],
  ): Promise<OtherRoot> {
    const root = await Deno.makeTempDir({ prefix: "kvm-hotplug-root-" });
    const holder = new Deno.Command("unshare", {
      args: [
        ...["--mount", "--propagation", "private"],
        ...["sh", "-c", ASSEMBLE, "sh", folder, root, ...shared],
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const entered = new OtherRoot(holder, root);
    const reader = holder.stdout.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    if (value !== undefined) return entered;
    await entered[Symbol.asyncDispose]();
    throw new Error(`Cannot enter ${folder}`);
  }

  /** The beginning of a command line that runs a program there. */
  command(program: string): string[] {
    const namespace = `/proc/${this.#holder.pid}/ns/mnt`;
    return ["nsenter", `--mount=${namespace}`, "chroot", this.#root, program];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder.stdin.close();
    await this.#holder.status;
    await Deno.remove(this.#root);
  }
}
