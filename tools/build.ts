/**
 * `deno task build`: makes the executable and says what it made.
 *
 *     deno task build [--target x86_64|aarch64] [--via pack|compile]
 *                     [--main FILE] [--out FILE]
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import {
  buildExecutable,
  type BuildRequest,
  type Built,
} from "./build/executable.ts";

const OPTIONS = ["target", "via", "main", "out"] as const;
/** Options that take one of a few words. */
const WORDS = {
  target: ["x86_64", "aarch64"],
  via: ["pack", "compile"],
} as const;

function readRequest(args: string[]): BuildRequest {
  const unknown: string[] = [];
  const parsed: Record<string, string | undefined> = parseArgs(args, {
    string: OPTIONS,
    unknown: (arg: string) => {
      unknown.push(arg);
      return false;
    },
  });
  if (unknown.length > 0) {
    throw new TypeError(
      `Cannot read the arguments: they must be --target, --via, --main or ` +
        `--out: ` +
        `current value is ${unknown[0]}`,
    );
  }
  for (const [name, words] of Object.entries(WORDS)) {
    const word = parsed[name];
    if (word === undefined || words.some((one) => one === word)) continue;
    throw new TypeError(
      `Cannot read --${name}: it must be one of ${words.join(", ")}: ` +
        `current value is ${word}`,
    );
  }
  const given = OPTIONS.filter((name) => parsed[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, parsed[name]]));
}

function describe(built: Built): string[] {
  const { path, sizeBytes, sha256, target, via } = built;
  const how = via === "pack" ? "packed onto Deno" : "deno compile with Deno";
  return [
    path,
    `  made by  ${how} ${Deno.version.deno}, linux ${target}`,
    `  size     ${sizeBytes} bytes (${(sizeBytes / 1e6).toFixed(1)} MB)`,
    `  sha256   ${sha256}`,
  ];
}

async function main(): Promise<number> {
  let request: BuildRequest;
  try {
    request = readRequest(Deno.args);
  } catch (error) {
    console.error(messageOf(error));
    return 2;
  }
  try {
    const log = (line: string) => console.error(line);
    const built = await buildExecutable({ ...request, log });
    console.log(describe(built).join("\n"));
    return 0;
  } catch (error) {
    console.error(messageOf(error));
    return 1;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

if (import.meta.main) Deno.exit(await main());
