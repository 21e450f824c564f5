/**
 * A real sshd on loopback, for the tests of cut connections: unpacked, not
 * installed, with keys, users and configuration of its own.
 *
 * @module
 */

import { refreshing, unpack } from "./apt.ts";
import { cacheFolder, makeOnce } from "./cache.ts";
import { until } from "./deadline.ts";
import { run } from "./run.ts";
import type { Log } from "./types.ts";

const CONFIG = `ListenAddress 127.0.0.1
PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
PidFile none
`;

/** sshd wants an unprivileged user of its own, and root an unlocked account;
 * in a mount namespace both are true without touching the machine's files. */
const START = `set -e
mount --bind passwd /etc/passwd
mount --bind shadow /etc/shadow
mkdir -p /run/sshd
exec "$@"`;

/**
 * Where the server's program and its one uncommon library are; downloaded by
 * the first call, which must come before there is no network.
 */
export async function ensureSshServer(log: Log): Promise<string> {
  const target = `${await cacheFolder()}/openssh-server`;
  return await makeOnce(target, async (folder) => {
    log("download openssh-server, to be run from the cache folder");
    const packages = ["openssh-server", "libwrap0"];
    await refreshing(log, () => unpack(packages, folder));
  });
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

async function accepts(port: number): Promise<true | undefined> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return undefined;
  }
}

/** Keys, users and configuration, all in one folder. */
async function prepare(folder: string, port: number): Promise<void> {
  for (const key of ["host", "user"]) {
    const args = ["-q", "-t", "ed25519", "-N", "", "-f", `${folder}/${key}`];
    await run("ssh-keygen", args);
  }
  const files = {
    config: `${CONFIG}Port ${port}
HostKey ${folder}/host
AuthorizedKeysFile ${folder}/user.pub
`,
    passwd: `root:x:0:0:root:${folder}:/bin/sh
sshd:x:65000:65000::/run/sshd:/bin/false
`,
    shadow: "root:*:19000:0:99999:7:::\nsshd:*:19000:0:99999:7:::\n",
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${folder}/${name}`, text);
  }
}

/** Owns the server and its folder. Sessions that run then go on. */
export class SshServer implements AsyncDisposable {
  readonly #folder: string;
  readonly #port: number;
  readonly #process: Deno.ChildProcess;

  private constructor(folder: string, port: number, program: string) {
    this.#folder = folder;
    this.#port = port;
    const server = [`${program}/usr/sbin/sshd`, "-D", "-f", `${folder}/config`];
    const libraries = [...Deno.readDirSync(`${program}/usr/lib`)]
      .map(({ name }) => `${program}/usr/lib/${name}`).join(":");
    this.#process = new Deno.Command("unshare", {
      args: [
        ...["--mount", "--propagation", "private"],
        ...["sh", "-c", START, "sh", ...server],
      ],
      cwd: folder,
      env: { LD_LIBRARY_PATH: libraries },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Starts a server and waits until it accepts connections. */
  static async start(): Promise<SshServer> {
    const program = await ensureSshServer(console.error);
    const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-ssh-" });
    const port = freePort();
    await prepare(folder, port);
    const server = new SshServer(folder, port, program);
    const timeoutMs = 10_000;
    await until(() => accepts(port), { timeoutMs, what: "sshd on loopback" });
    return server;
  }

  /**
   * Starts a command line of the shell over there.
   *
   * @param terminal `pty`: its processes get SIGHUP when the connection ends;
   * `none`: they only find their pipes closed.
   */
  session(
    command: string,
    terminal: "pty" | "none",
    { stdin = "null" }: { stdin?: "null" | "piped" } = {},
  ): Deno.ChildProcess {
    return new Deno.Command("ssh", {
      args: [
        ...this.#options,
        ...["-p", `${this.#port}`, terminal === "pty" ? "-tt" : "-T"],
        ...["root@127.0.0.1", command],
      ],
      stdin,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  get #options(): string[] {
    return [
      ...["-F", "none", "-q", "-i", `${this.#folder}/user`],
      ...["-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"],
      ...["-o", "UserKnownHostsFile=/dev/null"],
    ];
  }

  /**
   * Copies a file over, with its mode.
   *
   * @throws {Error} with scp's own words
   */
  async copy(from: string, to: string): Promise<void> {
    const where = ["-p", "-P", `${this.#port}`, from, `root@127.0.0.1:${to}`];
    await run("scp", [...this.#options, ...where]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}
