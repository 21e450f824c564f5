/**
 * From sources to one executable file.
 *
 * @module
 */

import { dirname, resolve } from "@std/path";
import { bundle, bundleChunks, chunkName } from "./bundle.ts";
import { canJoin, type Chunk, joinChunks, type Joined } from "./chunks.ts";
import { readUsed } from "./code_cache/used.ts";
import { compile } from "./compile.ts";
import { packElf } from "./pack_elf.ts";
import { packProgram } from "./pack_program.ts";
import type { Log } from "../guest/types.ts";
import { PRELUDE, quickAnswer, runArguments } from "./surroundings.ts";
import { type Arch, denoFor } from "./target.ts";
import { VERSION } from "../../lib/version.ts";

/** How an executable is made. */
export type Via = "compile" | "pack";

/** The request of a build. */
export interface BuildRequest {
  /** Path of the main module. @default the project's main.ts */
  readonly main?: string;
  /**
   * Path of the executable. @default dist/kvm-hotplug in the project, with
   * "-aarch64" behind it for a `target` that is not this machine's
   */
  readonly out?: string;
  /**
   * `compile`: by `deno compile`, which downloads its runtime, 40 MB, if that
   * is not cached. @default pack
   */
  readonly via?: Via;
  /** The target. @default this machine's architecture */
  readonly target?: Arch;
  /** Called for each download. @default none */
  readonly log?: Log;
}

/** The result of a build. */
export interface Built {
  readonly path: string;
  readonly sizeBytes: number;
  /** Hash of the whole file, in hexadecimal. */
  readonly sha256: string;
  readonly via: Via;
  readonly target: Arch;
}

/** The project's main module. */
const MAIN = "main.ts";

/**
 * Modules that are imported when they are needed. Each list has all modules
 * that it needs and no earlier list has: every command, with the modules of
 * lists; the modules of questions about devices; questions that may be about a
 * socket; a check; a change, with the modules of devices.
 */
const TOGETHER = [
  [MAIN, "lib/commands/list.ts"],
  [
    "lib/disk/kind.ts",
    "lib/nic/kind.ts",
    "lib/vcpu/kind.ts",
    "lib/memory/kind.ts",
  ],
  ["lib/commands/pci.ts"],
  ["lib/commands/check.ts", "lib/disk/way_path.ts", "lib/nic/tap.ts"],
  ["lib/commands/change.ts"],
  ["lib/disk/changes.ts", "lib/nic/changes.ts"],
];

/** The answer of main.ts for this option. */
const VERSION_ANSWER = quickAnswer("--version", `kvm-hotplug ${VERSION}`);

const ROOT = resolve(import.meta.dirname ?? ".", "../..");

/**
 * Builds an executable. The same sources, version of Deno, target and way give
 * the same bytes, whatever machine they are made on.
 * The file appears at once and whole, mode 0755, also where one is running.
 *
 * @throws {Error} if it cannot be bundled, compiled or written; then `out` is
 * as it was.
 */
export async function buildExecutable(
  request: BuildRequest = {},
): Promise<Built> {
  const main = resolve(request.main ?? `${ROOT}/main.ts`);
  const { target = Deno.build.arch, via = "pack", log = () => {} } = request;
  const path = resolve(request.out ?? defaultPath(target));
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-build-" });
  try {
    const make = via === "pack" ? pack : compileProgram;
    const executable = await make(main, {
      ...{ folder, target, log },
      // The project's own program; of another nothing is known.
      ...(request.main === undefined
        ? {
          quick: VERSION_ANSWER,
          together: TOGETHER,
          used: await readUsed(),
        }
        : { quick: "", together: [], used: undefined }),
    });
    await replaceFile(path, executable);
    const sha256 = await hash(executable);
    return { path, sizeBytes: executable.length, sha256, via, target };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function defaultPath(target: Arch): string {
  const suffix = target === Deno.build.arch ? "" : `-${target}`;
  return `${ROOT}/dist/kvm-hotplug${suffix}`;
}

/** The parts of an executable. */
interface Making {
  readonly folder: string;
  readonly target: Arch;
  readonly log: Log;
  readonly quick: string;
  readonly together: readonly (readonly string[])[];
  readonly used: ReadonlySet<string> | undefined;
}

async function compileProgram(
  main: string,
  { folder, quick, target }: Making,
): Promise<Uint8Array<ArrayBuffer>> {
  const code = quick + PRELUDE + await bundle(main, folder);
  return await compile(code, folder, target);
}

async function pack(
  main: string,
  { folder, quick, together, used, target, log }: Making,
): Promise<Uint8Array<ArrayBuffer>> {
  const named = together.flat().filter((one) => one !== MAIN);
  const chunks = await bundleChunks(main, { folder, named });
  const { path, command } = await denoFor(target, log);
  const deno = await Deno.readFile(path);
  if (!canJoin(chunks)) {
    const code = quick + PRELUDE + await bundle(main, folder);
    return packElf(deno, runArguments(code));
  }
  const joined = join(chunks, together);
  return await packProgram(deno, joined, {
    ...{ folder, command, quick, used },
  });
}

function join(
  chunks: readonly [Chunk, ...Chunk[]],
  together: Making["together"],
): Joined {
  return joinChunks(chunks, together.map((paths) => paths.map(chunkName)));
}

/**
 * The project's program as the executable has it.
 *
 * @param folder as for {@linkcode bundleChunks}.
 */
export async function joinProject(folder: string): Promise<Joined> {
  const named = TOGETHER.flat().filter((one) => one !== MAIN);
  return join(
    await bundleChunks(`${ROOT}/${MAIN}`, { folder, named }),
    TOGETHER,
  );
}

/** Writes next to `path`, then renames: a running executable is ETXTBSY. */
async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const temporary = await Deno.makeTempFile({
    dir: dirname(path),
    prefix: ".build-",
  });
  try {
    await Deno.writeFile(temporary, bytes);
    await Deno.chmod(temporary, 0o755); // whatever the umask
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary);
    throw error;
  }
}

async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return new Uint8Array(digest).toHex();
}
