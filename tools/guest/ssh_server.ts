/**
 * A real sshd, for the tests of cut connections and of nodes: unpacked, not
 * installed, with keys, users and configuration of its own.
 *
 * @module
 */

import { missingLibraries, refreshing, unpack } from "./apt.ts";
import { cacheFolder, makeOnce } from "./cache.ts";
import { until } from "./deadline.ts";
import { exists, run } from "./run.ts";
import type { Log } from "./types.ts";

const PACKAGE = "openssh-server";

const CONFIG = `PermitRootLogin prohibit-password
PasswordAuthentication no
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
PidFile none
`;

/** Programs that sshd calls, by the option that tells where they are: OpenSSH
 * has the first since 9.8 and the second since 10.0, and an older sshd knows
 * neither the program nor the option. */
const HELPERS = {
  SshdSessionPath: "usr/lib/openssh/sshd-session",
  SshdAuthPath: "usr/lib/openssh/sshd-auth",
} as const;

/** sshd wants an unprivileged user of its own, and root an unlocked account;
 * in a mount namespace both are true without touching the machine's files. */
const START = `set -e
cd "$1"; shift
mount --bind passwd /etc/passwd
mount --bind shadow /etc/shadow
mkdir -p /run/sshd
exec "$@"`;

/**
 * The folder of the server and of the libraries that it needs and this machine
 * lacks; downloaded by the first call, which must come before there is no
 * network.
 */
export async function ensureSshServer(log: Log): Promise<string> {
  const target = `${await cacheFolder()}/openssh-server`;
  return await makeOnce(target, async (folder) => {
    log("download openssh-server, to be run from the cache folder");
    await refreshing(log, async () => {
      const libraries = await missingLibraries(PACKAGE);
      await unpack([PACKAGE, ...libraries], folder);
    });
  });
}

/** Where a server is, and what is particular to it. */
export interface SshOptions {
  /** @default "127.0.0.1" */
  readonly address?: string;
  /** The beginning of a command line that runs a program in other namespaces.
   * @default none: the server is in ours */
  readonly enter?: readonly string[];
  /** Variables of every session. */
  readonly environment?: Readonly<Record<string, string>>;
}

const LOOPBACK = "127.0.0.1";

function freePort(): number {
  using listener = Deno.listen({ hostname: LOOPBACK, port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

async function accepts(
  hostname: string,
  port: number,
): Promise<true | undefined> {
  try {
    (await Deno.connect({ hostname, port })).close();
    return true;
  } catch {
    return undefined;
  }
}

/** The lines that tell a server where its unpacked helpers are. */
async function helperLines(program: string): Promise<string> {
  let lines = "";
  for (const [option, path] of Object.entries(HELPERS)) {
    if (!await exists(`${program}/${path}`)) continue;
    lines += `${option} ${program}/${path}\n`;
  }
  return lines;
}

/** The folders of the unpacked libraries, as the dynamic linker takes them. */
function libraryPath(program: string): string {
  return ["lib", "usr/lib"]
    .flatMap((folder) => foldersIn(`${program}/${folder}`)).join(":");
}

function foldersIn(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Keys, users and configuration, all in one folder. */
async function prepare(
  folder: string,
  { port, program, address = LOOPBACK, environment = {} }: SshOptions & {
    readonly port: number;
    readonly program: string;
  },
): Promise<void> {
  for (const key of ["host", "user"]) {
    const args = ["-q", "-t", "ed25519", "-N", "", "-f", `${folder}/${key}`];
    await run("ssh-keygen", args);
  }
  const variables = Object.entries(environment)
    .map(([name, value]) => `SetEnv ${name}=${value}\n`).join("");
  const files = {
    config: `${CONFIG}ListenAddress ${address}
Port ${port}
${variables}HostKey ${folder}/host
AuthorizedKeysFile ${folder}/user.pub
${await helperLines(program)}`,
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
  readonly #address: string;
  readonly #port: number;
  readonly #process: Deno.ChildProcess;

  private constructor(
    folder: string,
    { port, program, address = LOOPBACK, enter = [] }: SshOptions & {
      readonly port: number;
      readonly program: string;
    },
  ) {
    this.#folder = folder;
    this.#address = address;
    this.#port = port;
    const server = [
      ...[`${program}/usr/sbin/sshd`, "-D"],
      ...["-f", `${folder}/config`, "-E", `${folder}/log`],
    ];
    const [first = "", ...args] = [
      ...enter,
      ...["unshare", "--mount", "--propagation", "private"],
      ...["sh", "-c", START, "sh", folder, ...server],
    ];
    this.#process = new Deno.Command(first, {
      args,
      env: { LD_LIBRARY_PATH: libraryPath(program) },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /**
   * Starts a server and waits until it accepts connections: on a free port of
   * loopback, or on port 22 of the address that is given.
   *
   * @throws {Error} with the server's own words if it does not come up
   */
  static async start(options: SshOptions = {}): Promise<SshServer> {
    const program = await ensureSshServer(console.error);
    const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-ssh-" });
    const { address = LOOPBACK } = options;
    const port = options.address === undefined ? freePort() : 22;
    await prepare(folder, { ...options, port, program });
    const server = new SshServer(folder, { ...options, port, program });
    const timeoutMs = 10_000;
    try {
      await until(() => accepts(address, port), {
        timeoutMs,
        what: `sshd on ${address}`,
      });
    } catch (cause) {
      const words = await Deno.readTextFile(`${folder}/log`).catch(String);
      await server[Symbol.asyncDispose]();
      throw new Error(`sshd does not come up: ${words.trim()}`, { cause });
    }
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
        ...[`root@${this.#address}`, command],
      ],
      stdin,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  /** The private key of root's login. */
  get key(): string {
    return `${this.#folder}/user`;
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
    const where = [
      "-p",
      "-P",
      `${this.#port}`,
      from,
      `root@${this.#address}:${to}`,
    ];
    await run("scp", [...this.#options, ...where]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#process.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}
