/**
 * Finds kernel modules and what they need, in the order to load them.
 *
 * A kernel package holds no modules.dep (depmod writes it at installation),
 * so the dependencies are read where depmod reads them: the `.modinfo`
 * section of each module.
 *
 * @module
 */
import { zstdDecompressSync } from "node:zlib";
import { exists, runBytes } from "./run.ts";

/** One module, ready for insmod. */
export interface Module {
  /** Name as in /proc/modules: with `_`, without `-`. */
  readonly name: string;
  /** The ELF file, not compressed. */
  readonly content: Uint8Array;
}

/** Modules in load order, and the wanted names this kernel has not at all. */
export interface ModuleSet {
  readonly modules: readonly Module[];
  readonly missing: readonly string[];
}

/** The source of a {@link resolveModules} call. */
export interface ModuleSource {
  /** The folder `lib/modules/RELEASE`. */
  readonly folder: string;
  /** A busybox for this machine: unpacks `.ko.xz`. */
  readonly busybox: string;
}

/**
 * The wanted modules and all they depend on; built-in ones are left out.
 *
 * @throws {Error} if a dependency of a present module is not there.
 */
export async function resolveModules(
  wanted: readonly string[],
  source: ModuleSource,
): Promise<ModuleSet> {
  const files = await moduleFiles(source.folder);
  const builtin = await builtinModules(source.folder);
  const done = new Map<string, Module>();
  const load = async (name: string): Promise<void> => {
    if (done.has(name) || builtin.has(name)) return;
    const path = files.get(name);
    if (path === undefined) {
      throw new Error(`Cannot find kernel module ${name} in ${source.folder}`);
    }
    const content = await readModule(path, source.busybox);
    for (const needed of dependencies(content)) await load(needed);
    done.set(name, { name, content });
  };
  const missing: string[] = [];
  for (const name of wanted) {
    if (files.has(name) || builtin.has(name)) await load(name);
    else missing.push(name);
  }
  return { modules: [...done.values()], missing };
}

/** Module name → path, of every file below the folder. */
async function moduleFiles(folder: string): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const entry of Deno.readDir(folder)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) {
      for (const [name, below] of await moduleFiles(path)) {
        files.set(name, below);
      }
    } else if (/\.ko(\.(xz|zst|gz))?$/.test(entry.name)) {
      files.set(moduleName(entry.name), path);
    }
  }
  return files;
}

async function builtinModules(folder: string): Promise<Set<string>> {
  const path = `${folder}/modules.builtin`;
  if (!await exists(path)) return new Set();
  const lines = (await Deno.readTextFile(path)).split("\n").filter(Boolean);
  return new Set(lines.map((line) => moduleName(line.split("/").at(-1)!)));
}

function moduleName(fileName: string): string {
  return fileName.replace(/\.ko(\.\w+)?$/, "").replaceAll("-", "_");
}

async function readModule(path: string, busybox: string): Promise<Uint8Array> {
  if (path.endsWith(".xz")) return await runBytes(busybox, ["xzcat", path]);
  if (path.endsWith(".gz")) return await runBytes(busybox, ["zcat", path]);
  const bytes = await Deno.readFile(path);
  return path.endsWith(".zst") ? zstdDecompressSync(bytes) : bytes;
}

/** The direct dependencies: `depends=a,b` is a NUL-ended text in `.modinfo`. */
function dependencies(content: Uint8Array): string[] {
  const text = new TextDecoder("latin1").decode(content);
  const list = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? "";
  return list.split(",").filter(Boolean).map(moduleName);
}
