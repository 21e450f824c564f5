/**
 * libvirt beside the tool: its daemon in a namespace of its own, with a
 * machine of the same kernel, and virsh, which plugs a disk into it.
 *
 * @module
 */

import type { Libvirt } from "../../tools/guest/libvirt.ts";
import type { QemuRelease, Tools } from "../../tools/setup.ts";
import { timeProcess } from "./calls.ts";

const NAME = "peer";
/** Until the daemon listens, and until the guest lets go of a disk. */
const TRIES = 600;
const PAUSE_MS = 200;

/**
 * Runs libvirtd as if it were installed, for root alone: without D-Bus,
 * SELinux, cgroups or a log daemon, which would only make it slower.
 */
const START = `set -e
usr=$1 dir=$2
ip link set lo up
mount --make-rprivate /
mount -t overlay overlay -o lowerdir=$usr:/usr /usr
for folder in /run /var/lib /var/cache /var/log; do
  mount -t tmpfs tmpfs $folder
done
mkdir -p $dir/etc $dir/sock /run/libvirt /var/lib/libvirt/qemu
mkdir -p /var/cache/libvirt /var/log/libvirt/qemu
cp /etc/passwd /etc/group $dir
echo "libvirt-qemu:x:64055:64055::/:/bin/false" >> $dir/passwd
echo "libvirt-qemu:x:64055:" >> $dir/group
cat > $dir/etc/qemu.conf <<END
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
remember_owner = 0
dynamic_ownership = 0
END
cat > $dir/etc/libvirtd.conf <<END
auth_unix_rw = "none"
unix_sock_dir = "$dir/sock"
END
mkdir $dir/over
mount -t tmpfs tmpfs $dir/over
mkdir -p $dir/over/up/libvirt $dir/over/work
mount -t overlay overlay \
  -o lowerdir=/etc,upperdir=$dir/over/up,workdir=$dir/over/work /etc
cp $dir/etc/* /etc/libvirt
cp $dir/passwd $dir/group /etc
exec libvirtd -f /etc/libvirt/libvirtd.conf -p $dir/pid
`;

function domain(release: QemuRelease, { kernel, initrd }: Tools): string {
  return `<domain type="qemu">
  <name>${NAME}</name>
  <memory unit="MiB">160</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch="x86_64" machine="pc">hvm</type>
    <kernel>${kernel}</kernel>
    <initrd>${initrd}</initrd>
    <cmdline>console=ttyS0 quiet</cmdline>
  </os>
  <features><acpi/></features>
  <devices>
    <emulator>${release.binary}</emulator>
    <serial type="null"/>
    <controller type="usb" model="none"/>
    <memballoon model="none"/>
  </devices>
</domain>
`;
}

function disk(image: string): string {
  return `<disk type="file" device="disk">
  <driver name="qemu" type="raw"/>
  <source file="${image}"/>
  <target dev="vda" bus="virtio"/>
</disk>
`;
}

/** A machine of libvirt's with a guest that has started; owns the daemon. */
export class LibvirtPeer implements AsyncDisposable {
  readonly #daemon: Deno.ChildProcess;
  readonly #usr: string;
  readonly #dir: string;

  private constructor(daemon: Deno.ChildProcess, usr: string, dir: string) {
    this.#daemon = daemon;
    this.#usr = usr;
    this.#dir = dir;
  }

  /**
   * Starts daemon and machine, and waits until the guest takes part.
   *
   * @param dir an empty folder, the caller's to remove
   * @param image of the disk that is plugged
   */
  static async start(
    { usr }: Libvirt,
    { release, tools, dir, image }: {
      readonly release: QemuRelease;
      readonly tools: Tools;
      readonly dir: string;
      readonly image: string;
    },
  ): Promise<LibvirtPeer> {
    const daemon = new Deno.Command("unshare", {
      args: ["--mount", "--net", "bash", "-c", START, "bash", usr, dir],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const peer = new LibvirtPeer(daemon, usr, dir);
    try {
      await Deno.writeTextFile(`${dir}/domain.xml`, domain(release, tools));
      await Deno.writeTextFile(`${dir}/disk.xml`, disk(image));
      await peer.#until(() => peer.#virsh("list"));
      peer.#virsh("create", `${dir}/domain.xml`);
      // Before its guest has started, it does not let go of a disk.
      peer.add();
      await peer.remove();
      return peer;
    } catch (error) {
      await peer[Symbol.asyncDispose]();
      throw error;
    }
  }

  #words(...words: readonly string[]): string[] {
    const socket = `${this.#dir}/sock/libvirt-sock`;
    return ["-q", "-c", `qemu+unix:///system?socket=${socket}`, ...words];
  }

  /** Milliseconds of the whole process. */
  #virsh(...words: readonly string[]): number {
    const libraries = `${this.#usr}/lib/${Deno.build.arch}-linux-gnu`;
    return timeProcess(`${this.#usr}/bin/virsh`, this.#words(...words), {
      LD_LIBRARY_PATH: libraries,
    });
  }

  async #until(act: () => unknown): Promise<void> {
    for (let tries = 1;; tries++) {
      try {
        act();
        return;
      } catch (error) {
        if (tries === TRIES) throw error;
        await new Promise((done) => setTimeout(done, PAUSE_MS));
      }
    }
  }

  /** Milliseconds of `virsh attach-device`. */
  add(): number {
    return this.#virsh("attach-device", NAME, `${this.#dir}/disk.xml`);
  }

  /** Waits until the guest has let go of the disk. */
  async remove(): Promise<void> {
    const gone = () => {
      const words = this.#words("domblklist", NAME);
      const { stdout } = new Deno.Command(`${this.#usr}/bin/virsh`, {
        args: words,
        env: {
          LD_LIBRARY_PATH: `${this.#usr}/lib/${Deno.build.arch}-linux-gnu`,
        },
      }).outputSync();
      return !new TextDecoder().decode(stdout).includes("vda");
    };
    for (let tries = 1; !gone(); tries++) {
      if (tries === TRIES) throw new Error("The guest of libvirt keeps a disk");
      // Asked again, as a guest that is starting does not hear it.
      try {
        this.#virsh("detach-device", NAME, `${this.#dir}/disk.xml`);
      } catch {
        // It waits for the guest already, or the guest was faster.
      }
      await new Promise((done) => setTimeout(done, PAUSE_MS));
    }
  }

  /** Ends machine and daemon. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#virsh("destroy", NAME);
    } catch {
      // It never came up.
    }
    try {
      this.#daemon.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await this.#daemon.status;
  }
}
