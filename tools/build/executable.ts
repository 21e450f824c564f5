/**
 * From sources to one executable file.
 *
 * @module
 */

import { dirname, resolve } from "@std/path";
import { bundle, bundleChunks } from "./bundle.ts";
import { canJoin, joinChunks } from "./chunks.ts";
import { compile } from "./compile.ts";
import { packElf } from "./pack_elf.ts";
import { packProgram } from "./pack_program.ts";
import { PRELUDE, quickAnswer, runArguments } from "./surroundings.ts";
import { VERSION } from "../../lib/version.ts";

/** How an executable is made. */
export type Via = "compile" | "pack";

/** What to build. */
export interface BuildRequest {
  /** Path of the main module. @default the project's main.ts */
  readonly main?: string;
  /** Path of the executable. @default dist/kvm-hotplug in the project */
  readonly out?: string;
  /** `auto`: compile if the runtime is to be had, else pack. @default auto */
  readonly via?: Via | "auto";
}

/** What was built. */
export interface Built {
  readonly path: string;
  readonly sizeBytes: number;
  /** Of the whole file, in hexadecimal. */
  readonly sha256: string;
  readonly via: Via;
  /** Why `auto` did not compile, one line. */
  readonly fallback?: string;
}

/** The download that `auto` waits for: a 40 MB file. */
const AUTO_TIMEOUT_MS = 30_000;

/**
 * Modules that are imported when they are needed, but together: by every
 * command, with what a list of one instance takes beside it; by a plain
 * change; by a list of all.
 */
const TOGETHER = [
  ["main", "list"],
  [
    "change",
    "facts_disk_add",
    "facts_disk_remove",
    "facts_nic",
    "journaled",
    "plan_disk",
    "plan_disk_remove",
    "plan_nic",
    "plan_nic_remove",
    "report_change",
  ],
  ["list_all", "report_list"],
];

/** What main.ts prints for it too. */
const VERSION_ANSWER = quickAnswer("--version", `kvm-hotplug ${VERSION}`);

const ROOT = resolve(import.meta.dirname ?? ".", "../..");

/**
 * Builds an executable. The same sources, Deno and way give the same bytes.
 * The file appears at once and whole, mode 0755, also where one is running.
 *
 * @throws {Error} if it cannot be bundled, compiled or written; then `out` is
 * as it was.
 */
export async function buildExecutable(
  request: BuildRequest = {},
): Promise<Built> {
  const main = resolve(request.main ?? `${ROOT}/main.ts`);
  const path = resolve(request.out ?? `${ROOT}/dist/kvm-hotplug`);
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-build-" });
  try {
    const { executable, ...made } = await make(main, {
      folder,
      via: request.via ?? "auto",
      // The project's own program; of another nothing is known.
      ...(request.main === undefined
        ? { quick: VERSION_ANSWER, together: TOGETHER }
        : { quick: "", together: [] }),
    });
    await replaceFile(path, executable);
    const sha256 = await hash(executable);
    return { path, sizeBytes: executable.length, sha256, ...made };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** How to make an executable, and of what. */
interface Making {
  readonly folder: string;
  readonly via: Via | "auto";
  readonly quick: string;
  readonly together: readonly (readonly string[])[];
}

async function make(
  main: string,
  making: Making,
): Promise<
  { executable: Uint8Array<ArrayBuffer>; via: Via; fallback?: string }
> {
  const { folder, via, quick } = making;
  const packed = () => pack(main, making);
  if (via === "pack") return { executable: await packed(), via };
  const code = PRELUDE + await bundle(main, folder);
  const timeout = via === "auto" ? { timeoutMs: AUTO_TIMEOUT_MS } : {};
  const compiled = await compile(quick + code, folder, timeout);
  if ("executable" in compiled) return { ...compiled, via: "compile" };
  if (via === "compile") {
    throw new Error(`Cannot compile: ${compiled.reason}`);
  }
  const executable = await packed();
  return { executable, via: "pack", fallback: compiled.reason };
}

async function pack(
  main: string,
  { folder, quick, together }: Making,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks = await bundleChunks(main, folder);
  const deno = await Deno.readFile(Deno.execPath());
  if (!canJoin(chunks)) {
    const code = quick + PRELUDE + await bundle(main, folder);
    return packElf(deno, runArguments(code));
  }
  const joined = joinChunks(chunks, together);
  return await packProgram(deno, joined, { folder, quick });
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
