/**
 * The compiler, kept ready: it reads all sources once, and then only looks at
 * the file that has a fault, and at those that import it.
 *
 * @module
 */

import { dirname, resolve } from "@std/path";
import ts from "typescript";
import config from "../../deno.json" with { type: "json" };

/** Where what Deno itself declares is told to be. */
const DENO_TYPES = "/deno.d.ts";

/** Says whether a text is refused in the place of a file. */
export class Compiler {
  readonly #service: ts.LanguageService;
  readonly #root: string;
  /** By file: what has another text than on the disk, and which version. */
  readonly #texts = new Map<string, { text: string; version: number }>();

  /**
   * @param root a tree with files that do not change
   * @param declared the output of `deno types`
   */
  constructor(root: string, declared: string) {
    this.#root = root;
    this.#texts.set(DENO_TYPES, { text: declared, version: 0 });
    const options: ts.CompilerOptions = {
      ...config.compilerOptions,
      target: ts.ScriptTarget.ESNext,
      module: ts.ModuleKind.ESNext,
      moduleResolution: ts.ModuleResolutionKind.Bundler,
      lib: ["lib.esnext.d.ts"],
      types: [],
      allowImportingTsExtensions: true,
      noEmit: true,
    };
    const textOf = (file: string) =>
      this.#texts.get(file)?.text ?? ts.sys.readFile(file);
    this.#service = ts.createLanguageService({
      getCompilationSettings: () => options,
      getScriptFileNames: () => [DENO_TYPES, `${root}/main.ts`],
      getScriptVersion: (file) => `${this.#texts.get(file)?.version ?? 0}`,
      getScriptSnapshot: (file) => {
        const text = textOf(file);
        return text === undefined
          ? undefined
          : ts.ScriptSnapshot.fromString(text);
      },
      getCurrentDirectory: () => root,
      getDefaultLibFileName: ts.getDefaultLibFilePath,
      fileExists: (file) => textOf(file) !== undefined,
      readFile: textOf,
    });
  }

  /**
   * Whether a text is refused that stands in the place of a file.
   *
   * @param path from the root
   * @param by `file`: what is said against the file itself; `importers`:
   * against those that import it
   */
  refuses(path: string, text: string, by: "file" | "importers"): boolean {
    const file = `${this.#root}/${path}`;
    const looked = by === "file" ? [file] : this.#importersOf(file);
    const before = this.#faults(looked);
    const version = this.#texts.get(file)?.version ?? 0;
    this.#texts.set(file, { text, version: version + 1 });
    const after = this.#faults(looked);
    const own = ts.sys.readFile(file) ?? "";
    this.#texts.set(file, { text: own, version: version + 2 });
    return after > before;
  }

  #importersOf(file: string): string[] {
    const all = this.#service.getProgram()?.getSourceFiles() ?? [];
    return all.map(({ fileName }) => fileName)
      .filter((one) => one.startsWith(`${this.#root}/`))
      .filter((one) =>
        [...(ts.sys.readFile(one) ?? "").matchAll(/ from "(\.[^"]*)"/g)]
          .some(([, to = ""]) => resolve(dirname(one), to) === file)
      );
  }

  /** How many; packages are not found, with our faults and without. */
  #faults(files: readonly string[]): number {
    return files.reduce(
      (count, file) =>
        count + this.#service.getSyntacticDiagnostics(file).length +
        this.#service.getSemanticDiagnostics(file).length,
      0,
    );
  }
}

/** The declarations of Deno, for {@linkcode Compiler}. */
export async function denoTypes(): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args: ["types"] });
  return new TextDecoder().decode((await command.output()).stdout);
}
