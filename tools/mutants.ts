/**
 * Would the tests notice? Puts small faults into a room, one at a time, and
 * runs the tests that cover the line: those of the rooms, and the files of
 * tests/integration, the quickest first. For those who carry on; no part of CI. Root.
 *
 * ```sh
 * deno task mutants lib/state                    # every fault: hours
 * deno task mutants lib/state --max 40 --seed 7  # some of them
 * deno task mutants lib/state --rooms-only       # without tests/integration
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
import { applyMutant, type Mutant, mutantsOf } from "./mutants/mutate.ts";
import { runAlone, WIDTH } from "./mutants/run.ts";
import { isEquivalent, nameOf, sampleOf } from "./mutants/sample.ts";
import { makeTree, sourcesOf } from "./mutants/tree.ts";
import { ordinaryTests, testFiles, testJobs } from "./test/jobs.ts";
import { Pool } from "./test/pool.ts";
import { endAll } from "./test/process.ts";

const ROOT = resolve(import.meta.dirname ?? ".", "..");

/** A fault may make the tests slow, or hang. */
const PATIENCE = 5;
const LEAST_MS = 60_000;

/** What became of a fault. */
type Fate = "noticed" | "survived" | "not covered";

async function tryMutant(
  mutant: Mutant,
  { root, coverage }: { root: string; coverage: Coverage },
): Promise<Fate> {
  const tests = Object.entries(coverage)
    .filter(([, { lines }]) => lines[mutant.path]?.includes(mutant.line))
    .sort(([, a], [, b]) => a.seconds - b.seconds);
  if (tests.length === 0) return "not covered";
  await using tree = await makeTree(root);
  const file = `${tree.path}/${mutant.path}`;
  const source = await Deno.readTextFile(file);
  await Deno.writeTextFile(file, applyMutant(source, mutant));
  for (const [test, { seconds }] of tests) {
    const limitMs = Math.max(LEAST_MS, seconds * 1000 * PATIENCE);
    const { success } = await runAlone(tree.path, test, { limitMs });
    if (!success) return "noticed";
  }
  return "survived";
}

/** Those of the room first, those that take long last. */
function testsFor(
  room: string,
  { root, where }: { root: string; where: "rooms" | "everywhere" },
): string[] {
  const own = testFiles(root, `tests/${room}`);
  const rooms = testJobs(ordinaryTests(root))
    .filter(({ needs }) => needs !== "executable")
    .flatMap(({ files }) => files)
    .filter((file) => !/^tests\/(?:arch|tools|bench)\//.test(file));
  const others = testFiles(root, "tests/integration");
  const all = where === "rooms" ? rooms : [...rooms, ...others];
  return [...new Set([...own, ...all])];
}

async function main(args: readonly string[]): Promise<void> {
  const { _: words, max, seed, "rooms-only": roomsOnly } = parseArgs(
    [...args],
    { string: ["max", "seed"], boolean: ["rooms-only"] },
  );
  const [path = ""] = words.map(String);
  const room = /^lib\/(\w+)\/?$/.exec(path)?.[1];
  if (room === undefined) {
    throw new TypeError(
      `Cannot tell the room: give a folder of lib such as lib/state: ` +
        `current value is ${path}`,
    );
  }
  // Whoever works on the sources meanwhile changes nothing here.
  await using base = await makeTree(ROOT);
  const root = base.path;
  const all = (await sourcesOf(root))
    .map(([file, text]) => [file.slice(1), text] as const)
    .filter(([file]) => file.startsWith(`lib/${room}/`))
    .flatMap(([file, text]) => mutantsOf(file, text));
  const some = sampleOf(all, {
    max: Number(max ?? Infinity),
    seed: seed ?? "1",
  });
  const mutants = some.filter((one) => !isEquivalent(one, equivalents));
  const log = (line: string) => console.error(line);
  const where = roomsOnly ? "rooms" : "everywhere";
  const tests = testsFor(room, { root, where });
  const coverage = await coverageOf({ root, tests, log });
  const fates = await new Pool(WIDTH).runAll(mutants, async (mutant) => {
    const fate = await tryMutant(mutant, { root, coverage });
    console.log(`${fate}: ${nameOf(mutant)}`);
    return fate;
  });
  const noticed = fates.filter((fate) => fate === "noticed").length;
  const share = (100 * noticed / Math.max(fates.length, 1)).toFixed(0);
  console.log(
    `lib/${room}: ${noticed} of ${fates.length} noticed (${share} %); ` +
      `${some.length - mutants.length} equivalent; ${all.length} in all`,
  );
}

if (import.meta.main) {
  Deno.addSignalListener("SIGINT", () => {
    endAll();
    Deno.exit(130);
  });
  await main(Deno.args);
  Deno.exit(0);
}
