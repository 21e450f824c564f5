/** Lines for `rpc`: any text, and a master's requests with parts exchanged. */
import { assertEquals } from "@std/assert";
import { jobOf } from "../../lib/rpc/job.ts";
import { dotted } from "../../lib/words/options.ts";
import { readRpcLine } from "../../lib/rpc/message.ts";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { HotplugError } from "../../lib/errors.ts";
import {
  fuzz,
  isSeedGiven,
  jsonText,
  oddText,
  type Random,
} from "../support/prng.ts";

const SAMPLES = new URL("../testdata/rpc/", import.meta.url);
const BODIES = [...Deno.readDirSync(SAMPLES)].map(({ name }) => name).sort()
  .map((name) => Deno.readTextFileSync(new URL(name, SAMPLES)).trim());
const METHODS = [
  "hotplug_device",
  "hotplug_supported",
  "resize_disk",
  ...COMMANDS.map(dotted),
];

const BASE = {
  command: undefined,
  operands: [],
  values: new Map(),
  flags: new Set<string>(),
};

/** A text with one of its JSON scalars, or some of its letters, exchanged. */
function mutated(random: Random, text: string): string {
  const at = random.below(text.length);
  if (random.once(3)) {
    const end = at + random.below(4);
    return text.slice(0, at) + oddText(random, 3) + text.slice(end);
  }
  const scalar = /"[^"\\]*"|\d+|true|false|null/g;
  scalar.lastIndex = at;
  const found = scalar.exec(text);
  if (found === null) return text;
  const end = found.index + found[0].length;
  return text.slice(0, found.index) + jsonText(random, 2) + text.slice(end);
}

function request(random: Random): string {
  const own = () => {
    const keys = ["instance", "source", "disk", "slot", "vhost", "timeout"];
    const members = random.list(
      4,
      () => `"${random.pick(keys)}": ${jsonText(random, 1)}`,
    );
    return `{${members.join(", ")}}`;
  };
  const params = random.once(2) ? random.pick(BODIES) : own();
  const method = random.pick(METHODS);
  return `{"jsonrpc": "2.0", "id": 1, "method": "${method}", "params": ${params}}`;
}

/** What became of a line: every request of it is a job, or is told why not. */
function outcome(line: string): string[] {
  return readRpcLine(line).messages.map((message) => {
    if ("answer" in message) {
      assertEquals(typeof JSON.parse(message.answer).error.code, "number");
      return "fault";
    }
    try {
      return "code" in jobOf(message, BASE) ? "no-job" : "job";
    } catch (error) {
      const refused = error instanceof HotplugError &&
        (error.code === "usage" || error.code === "unsupported");
      if (refused) return "refused";
      throw new Error(`${line}: ${error}`, { cause: error });
    }
  });
}

Deno.test("readRpcLine() answers any text", () => {
  fuzz(3000, (random) => {
    outcome(random.once(2) ? oddText(random, 40) : jsonText(random, 4));
  });
});

Deno.test("jobOf() makes a job of a request or says why not", () => {
  const counts: Record<string, number> = {};
  fuzz(9000, (random) => {
    let line = request(random);
    for (let i = random.below(4); i > 0; i--) line = mutated(random, line);
    for (const one of outcome(line)) counts[one] = (counts[one] ?? 0) + 1;
  });
  if (isSeedGiven()) return;
  for (const one of ["fault", "refused", "job", "no-job"]) {
    assertEquals((counts[one] ?? 0) > 50, true, JSON.stringify(counts));
  }
});
