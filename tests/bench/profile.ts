/**
 * `deno task profile`: notes the functions that common commands call, for V8's
 * code in the executable (tools/build/code_cache/used.ts).
 *
 * The commands run on a real machine, and V8 tells which functions it ran
 * (`deno run --coverage`). Of a command that is seldom typed only functions
 * count whose text no common command loads.
 *
 * @module
 */

import { joinProject } from "../../tools/build/executable.ts";
import { functionKey, writeUsed } from "../../tools/build/code_cache/used.ts";
import { TEXT_NAME } from "../../tools/build/texts.ts";
import { testTools } from "../lab/vm.ts";
import { ALL_CALLS, type Place, settle, wordsOf } from "./calls.ts";
import { startPlace } from "./setting.ts";

/** What V8 tells about a text. */
interface Coverage {
  readonly url: string;
  readonly functions: readonly {
    /** The first is the function's. */
    readonly ranges: readonly {
      readonly startOffset: number;
      readonly count: number;
    }[];
  }[];
}

/** Beginnings of the functions that ran, by the index of their text. */
type Ran = Map<number, Set<number>>;

/** The program as a file that ends without Deno.exit, which loses coverage. */
function runnable(code: string, folder: string): string {
  return `const evaluateText=index=>{` +
    `const [value,error]=Deno[Deno.internal].core.evalContext(` +
    `Deno.readTextFileSync("${folder}/"+index),"${TEXT_NAME}"+index,[]);` +
    `if(error)throw error.thrown;return value};` +
    `Deno.exit=status=>{Deno.exitCode=status};delete globalThis.process;` +
    code;
}

async function run(
  folder: string,
  words: readonly string[],
  input = "",
): Promise<Ran> {
  const coverage = await Deno.makeTempDir({ dir: folder });
  const flags = ["--allow-all", "--no-config", `--coverage=${coverage}`];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, `${folder}/main.mjs`, ...words],
    stdin: "piped",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success } = await child.status;
  if (!success) throw new Error(`failed: ${words.join(" ")}`);
  const ran: Ran = new Map();
  for (const { name } of Deno.readDirSync(coverage)) {
    const text = await Deno.readTextFile(`${coverage}/${name}`);
    const { url, functions } = JSON.parse(text) as Coverage;
    if (!url.startsWith(TEXT_NAME)) continue;
    const begins = functions.flatMap(({ ranges: [first] }) =>
      first !== undefined && first.count > 0 ? [first.startOffset] : []
    );
    ran.set(Number(url.slice(TEXT_NAME.length)), new Set(begins));
  }
  return ran;
}

/** Requests of `rpc`, a line each. */
function requests({ vm, image }: Place): string {
  const instance = vm.name;
  return [
    ["list", { instance }],
    ["check", { instance }],
    ["disk.add", { instance, source: image, dry_run: true }],
  ].map(([method, params], id) =>
    `${JSON.stringify({ jsonrpc: "2.0", id, method, params })}\n`
  ).join("");
}

async function runCommon(folder: string, place: Place): Promise<Ran[]> {
  const { vm, image } = place;
  const where = ["--run-dir", vm.runDir];
  const all: Ran[] = [];
  for (const call of ALL_CALLS) {
    all.push(await run(folder, wordsOf(call, place)));
    await settle(vm, call);
    if (call === "disk add") {
      const json = ["--json", ...where];
      all.push(await run(folder, ["list", vm.name, ...json]));
      all.push(await run(folder, ["list", ...json]));
      all.push(await run(folder, ["check", vm.name, ...where]));
      all.push(await run(folder, ["check", vm.name, ...json]));
    }
  }
  const dry = ["--dry-run", ...where];
  all.push(await run(folder, ["disk", "add", vm.name, image, ...dry]));
  all.push(await run(folder, ["rpc", ...where], requests(place)));
  for (const words of [["help"], ["disk", "add", "--help"]]) {
    all.push(await run(folder, words));
  }
  for (const words of [["disk", ""], ["list", "--run-dir", vm.runDir, ""]]) {
    all.push(await run(folder, ["completion", "words", ...words]));
  }
  return all;
}

async function runSeldom(folder: string, { vm }: Place): Promise<Ran[]> {
  const where = ["--run-dir", vm.runDir];
  const all: Ran[] = [];
  for (
    const words of [
      ["pci", vm.name],
      ["state", "show", vm.name],
      ["state", "show", vm.name, "--verify"],
      ["state", "command", vm.name],
      ["repair", vm.name],
      ["adopt", vm.name],
      ["qmp", vm.name, "query-status"],
    ]
  ) all.push(await run(folder, [...words, ...where]));
  return all;
}

async function main(): Promise<void> {
  const tools = await testTools();
  const [release] = tools.qemus;
  if (release === undefined) throw new Error("no QEMU");
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-profile-" });
  try {
    const { code, texts } = await joinProject(folder);
    await Deno.writeTextFile(`${folder}/main.mjs`, runnable(code, folder));
    for (const [index, text] of texts.entries()) {
      await Deno.writeTextFile(`${folder}/${index}`, text);
    }
    await using place = await startPlace(release, tools);
    const common = await runCommon(folder, place);
    const loaded = new Set(common.flatMap((ran) => [...ran.keys()]));
    const used = new Set<string>();
    const note = (ran: Ran, wanted: (index: number) => boolean) => {
      for (const [index, begins] of ran) {
        const text = texts[index] ?? "";
        if (!wanted(index)) continue;
        for (const at of begins) used.add(functionKey(text, at));
      }
    };
    for (const ran of common) note(ran, () => true);
    for (const ran of await runSeldom(folder, place)) {
      note(ran, (index) => !loaded.has(index));
    }
    await writeUsed(used);
    console.error(`profile: ${used.size} functions`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await main();
