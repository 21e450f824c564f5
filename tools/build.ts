/**
 * `deno task build`: makes the executable and says what it made.
 *
 *     deno task build [--via compile|pack|auto] [--main FILE] [--out FILE]
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import {
  buildExecutable,
  type BuildRequest,
  type Built,
} from "./build/executable.ts";

const OPTIONS = ["via", "main", "out"] as const;
const WAYS = ["auto", "compile", "pack"];

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
      `Cannot read the arguments: they must be --via, --main or --out: ` +
        `current value is ${unknown[0]}`,
    );
  }
  const via = parsed.via ?? "auto";
  if (!WAYS.includes(via)) {
    throw new TypeError(
      `Cannot read --via: it must be one of ${WAYS.join(", ")}: ` +
        `current value is ${via}`,
    );
  }
  const given = OPTIONS.filter((name) => parsed[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, parsed[name]]));
}

function describe(built: Built): string[] {
  const { path, sizeBytes, sha256, via, fallback } = built;
  const how = via === "pack" ? "packed onto Deno" : "deno compile with Deno";
  const { os, arch } = Deno.build;
  return [
    ...fallback === undefined
      ? []
      : [`deno compile cannot be used here (${fallback}): packing`],
    path,
    `  made by  ${how} ${Deno.version.deno}, ${os} ${arch}`,
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
    console.log(describe(await buildExecutable(request)).join("\n"));
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
