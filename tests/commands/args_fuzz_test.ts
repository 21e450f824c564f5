import { assertEquals } from "@std/assert";
import { parseInvocation } from "../../lib/commands/args.ts";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { isRequestCommand } from "../../lib/cli/handlers.ts";
import { GLOBAL_OPTIONS } from "../../lib/words/options.ts";
import { instanceOf, reachOf, requestOf } from "../../lib/commands/requests.ts";
import { HotplugError } from "../../lib/errors.ts";
import {
  fuzz,
  isSeedGiven,
  oddKey,
  oddText as anyText,
  type Random,
} from "../support/prng.ts";

/** Odd text that can be an argument: execve(2) ends one at its first NUL. */
function oddText(random: Random, most: number): string {
  return anyText(random, most).replaceAll("\0", "");
}

const OPTIONS = [
  ...new Set(
    [...GLOBAL_OPTIONS, ...COMMANDS.flatMap((one) => one.options)]
      .map((one) => one.name),
  ),
];

const VALUES = [
  "0",
  "-1",
  "31",
  "00000012",
  "true",
  "false",
  "vm1",
  "/srv/d.img",
  "rbd:p/i",
  "none",
  "raw",
  "design",
  "br0",
  "aa:00:00:00:00:01",
  "932df160-7a22-4067-a566-7e0ca8386133",
  "1e309",
  "../../etc",
];

function value(random: Random): string {
  return random.once(4) ? oddText(random, 12) : random.pick(VALUES);
}

function name(random: Random): string {
  const known = random.pick(OPTIONS);
  switch (random.below(10)) {
    case 0:
      return oddText(random, 10);
    case 1:
      return oddKey(random);
    case 2:
      return `no-${known}`;
    case 3:
      return `${known}.${oddKey(random)}`;
    case 4:
      return known.slice(random.below(known.length));
    case 5:
      return random.pick(["_", "no-", "v", "q", "h", "-"]);
    default:
      return known;
  }
}

/** One or two words of a command line. */
function words(random: Random): string[] {
  switch (random.below(9)) {
    case 0:
      return [`--${name(random)}=${value(random)}`];
    case 1:
    case 2:
      return [`--${name(random)}`, value(random)];
    case 3:
    case 4:
      return [`--${name(random)}`];
    case 5:
      return [`-${random.pick(["v", "q", "h", "vq"])}${oddText(random, 2)}`];
    case 6:
      return [random.pick(["--", "-", "---", "--=", "-=", ""])];
    default:
      return [value(random)];
  }
}

function commandLine(random: Random): string[] {
  const command = random.pick(COMMANDS);
  const begin = random.once(8) ? [] : command.name.split(" ");
  const operands = random.list(3, () => value(random));
  const rest = random.list(4, () => words(random)).flat();
  return random.once(2)
    ? [...begin, ...operands, ...rest]
    : [...rest, ...begin, ...operands];
}

/** Whether the words made a request; only two kinds of error may say no. */
function accepted(given: readonly string[]): boolean {
  try {
    const invocation = parseInvocation(given);
    instanceOf(invocation);
    reachOf(invocation, () => undefined);
    const changes = isRequestCommand(invocation.command?.name);
    if (changes) requestOf(invocation);
    return true;
  } catch (error) {
    const refused = error instanceof HotplugError &&
      (error.code === "usage" || error.code === "unsupported");
    if (refused) return false;
    throw new Error(`${JSON.stringify(given)}: ${error}`, { cause: error });
  }
}

Deno.test("requestOf() makes a request of any words or says why not", () => {
  const counts = { yes: 0, no: 0 };
  fuzz(6000, (random) => {
    counts[accepted(commandLine(random)) ? "yes" : "no"]++;
  });
  if (isSeedGiven()) return;
  // Else the words are too odd to test more than the first refusal.
  assertEquals(counts.yes > 200 && counts.no > 200, true, `${counts.yes}`);
});

Deno.test("parseInvocation() keeps operands after -- to the letter", () => {
  fuzz(2000, (random) => {
    const operands = [value(random), words(random)[0] ?? ""];
    const { operands: kept, flags, values } = parseInvocation([
      "disk",
      "remove",
      "--",
      ...operands,
    ]);
    assertEquals(kept, operands);
    assertEquals([flags.size, values.size], [0, 0]);
  });
});

Deno.test("parseInvocation() keeps an option's value to the letter", () => {
  fuzz(2000, (random) => {
    const text = oddText(random, 12) || "x";
    const { values } = parseInvocation(["list", `--run-dir=${text}`]);
    assertEquals(values.get("run-dir"), text);
  });
});
