/**
 * Would the tests notice? Puts small faults into a room, one at a time, and
 * runs the compiler, then the tests that cover the line: those of the rooms,
 * then the files of tests/integration, then those of tests/qemu that are named
 * like the source. For those who carry on; no part of CI. Root.
 *
 * ```sh
 * deno task mutants lib/state                    # every fault: hours
 * deno task mutants lib/state --max 40 --seed 7  # some of them
 * deno task mutants lib/state --rooms-only       # no executable, no guest
 * deno task mutants lib/state --within 60        # seconds for each fault there
 * deno task mutants lib/nic lib/disk --max 40    # so many of each
 * ```
 *
 * A fault that changes nothing anybody could see belongs into
 * `tools/mutants/equivalent.json`, with the reason. Tests run as root with a
 * fault in the tool: not on a machine that matters.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { resolve } from "@std/path";
import equivalents from "./mutants/equivalent.json" with { type: "json" };
import { type Coverage, coverageOf } from "./mutants/cover.ts";
import { Compiler, denoTypes } from "./mutants/compiler.ts";
import { applyMutant, type Mutant, mutantsOf } from "./mutants/mutate.ts";
import { groupsOf } from "./mutants/order.ts";
import { type Group, runAlone, WIDTH } from "./mutants/run.ts";
import { isEquivalent, nameOf, sampleOf } from "./mutants/sample.ts";
import { makeTree, removeTrees, sourcesOf } from "./mutants/tree.ts";
import times from "./test/times.json" with { type: "json" };
import { ordinaryTests, testFiles, testJobs } from "./test/jobs.ts";
import { Pool } from "./test/pool.ts";
import { endAll } from "./test/process.ts";

const ROOT = resolve(import.meta.dirname ?? ".", "..");

/** Seconds of the tests with real guests, those that take long left out. */
const GUESTS = Object.fromEntries(
  Object.entries(times).filter(([test, seconds]) =>
    test.startsWith("tests/qemu/") && seconds < 60
  ),
);

/** What became of a fault. */
type Fate = "noticed" | "refused by the compiler" | "survived" | "not covered";

/** What the faults are tried with. */
interface Setting {
  /** A tree without a fault. */
  readonly root: string;
  readonly compiler: Compiler;
  readonly coverage: Coverage;
  /** For the tests of tests/integration, and for those with real guests. */
  readonly withinMs: number;
  readonly guests: Readonly<Record<string, number>>;
}

/** The test that noticed, for each fault that one has noticed: `file test`. */
const noticed: string[] = [];

/**
 * Whether a group fails, whatever made it: one that is late must not be so
 * without the fault, for then the machine is slow.
 */
async function notices(
  path: string,
  { root, group }: { root: string; group: Group },
): Promise<{ readonly output: string } | undefined> {
  const ended = await runAlone(path, group);
  if (ended.success) return undefined;
  if (!ended.late) return ended;
  await using tree = await makeTree(root);
  return (await runAlone(tree.path, group)).late ? undefined : ended;
}

async function tryMutant(
  mutant: Mutant,
  { root, compiler, coverage, withinMs, guests }: Setting,
): Promise<{ readonly fate: Fate; readonly by?: string | undefined }> {
  const name = (test: string) => `${mutant.path} ${test}`;
  const fame = (test: string) =>
    noticed.filter((one) => one === name(test)).length;
  const groups = groupsOf(mutant, { coverage, fame, guests });
  const source = await Deno.readTextFile(`${root}/${mutant.path}`);
  const text = applyMutant(source, mutant);
  const refused = { fate: "refused by the compiler" } as const;
  if (compiler.refuses(mutant.path, text, "file")) return refused;
  await using tree = await makeTree(root);
  await tree.write(mutant.path, text);
  for (const group of groups.rooms) {
    const seen = await notices(tree.path, { root, group });
    if (seen === undefined) continue;
    const [, by] = / => \.\/(tests\/\S+_test\.ts):/.exec(seen.output) ?? [];
    noticed.push(name(by ?? ""));
    return { fate: "noticed", by };
  }
  if (compiler.refuses(mutant.path, text, "importers")) return refused;
  for (const tests of [groups.others, groups.guests]) {
    const begin = performance.now();
    for (const group of tests) {
      if (performance.now() - begin > withinMs) break;
      if (!await notices(tree.path, { root, group })) continue;
      noticed.push(...group.files.map(name));
      return { fate: "noticed", by: group.files.join() };
    }
  }
  const isCovered = groups.rooms.length + groups.others.length > 0;
  return { fate: isCovered ? "survived" : "not covered" };
}

function testsFor(root: string, where: "rooms" | "everywhere"): string[] {
  const rooms = testJobs(ordinaryTests(root))
    .filter(({ needs }) => needs !== "executable")
    .flatMap(({ files }) => files)
    .filter((file) => !/^tests\/(?:arch|tools|bench)\//.test(file));
  const others = testFiles(root, "tests/integration");
  return where === "rooms" ? rooms : [...rooms, ...others];
}

/** Faults of one room. */
interface Sample {
  readonly room: string;
  /** Without those that nobody could see. */
  readonly mutants: readonly Mutant[];
  readonly equivalent: number;
  /** That there are, chosen or not. */
  readonly all: number;
}

function sampleIn(
  room: string,
  sources: readonly (readonly [file: string, text: string])[],
  chosen: { readonly max: number; readonly seed: string },
): Sample {
  const all = sources
    .filter(([file]) => file === room || file.startsWith(`${room}/`))
    .flatMap(([file, text]) => mutantsOf(file, text));
  const some = sampleOf(all, chosen);
  const mutants = some.filter((one) => !isEquivalent(one, equivalents));
  const equivalent = some.length - mutants.length;
  return { room, mutants, equivalent, all: all.length };
}

async function tryRoom(
  { room, mutants, equivalent, all }: Sample,
  { pool, setting }: { readonly pool: Pool; readonly setting: Setting },
): Promise<void> {
  const fates = await pool.runAll(mutants, async (mutant) => {
    const { fate, by } = await tryMutant(mutant, setting);
    console.log(`${fate}: ${nameOf(mutant)}${by ? ` (${by})` : ""}`);
    return fate;
  });
  const count = (fate: Fate) => fates.filter((one) => one === fate).length;
  const refused = count("refused by the compiler");
  const sum = count("noticed") + refused;
  const share = (100 * sum / Math.max(fates.length, 1)).toFixed(0);
  console.log(
    `${room}: ${sum} of ${fates.length} noticed (${share} %), ${refused} ` +
      `by the compiler; ${equivalent} equivalent; ${all} in all`,
  );
}

async function main(args: readonly string[]): Promise<void> {
  const { _: words, max, seed, within, "rooms-only": roomsOnly } = parseArgs(
    [...args],
    { string: ["max", "seed", "within"], boolean: ["rooms-only"] },
  );
  const rooms: string[] = words.length === 0 ? [""] : words.map(String);
  const odd = rooms.find((one) => !/^lib\/[\w/]+(?:\.ts)?$/.test(one));
  if (odd !== undefined) {
    throw new TypeError(
      `Cannot tell what to put faults into: give folders or files of lib, ` +
        `such as lib/state: current value is ${odd}`,
    );
  }
  // Whoever works on the sources meanwhile changes nothing here.
  await using base = await makeTree(ROOT, "files");
  const root = base.path;
  const sources = (await sourcesOf(root))
    .map(([file, text]) => [file.slice(1), text] as const);
  const chosen = { max: Number(max ?? Infinity), seed: seed ?? "1" };
  const samples = rooms.map((room) => sampleIn(room, sources, chosen));
  const log = (line: string) => console.error(line);
  const tests = testsFor(root, roomsOnly ? "rooms" : "everywhere");
  const coverage = await coverageOf({ root, tests, log });
  const withinMs = 1000 * Number(within ?? Infinity);
  const compiler = new Compiler(root, await denoTypes());
  const guests = roomsOnly ? {} : GUESTS;
  const setting = { root, compiler, coverage, withinMs, guests };
  const pool = new Pool(WIDTH);
  await Promise.all(samples.map((one) => tryRoom(one, { pool, setting })));
}

if (import.meta.main) {
  Deno.addSignalListener("SIGINT", () => {
    endAll();
    removeTrees();
    Deno.exit(130);
  });
  await main(Deno.args);
  Deno.exit(0);
}
