/**
 * The command line in this process: what it does is the same, without the start
 * of a process.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { main } from "../../lib/cli/main.ts";
import { documentOf } from "../support/document.ts";
import type { Doc } from "./runtime_text.ts";

/** What one command line came to. */
export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  /** The one document on stdout, of a call with `--json`. */
  readonly json: Doc;
}

/** An answer as JSON, checked to be exactly one line of it. */
function onlyDocument(out: string, args: readonly string[]): Doc {
  const [line = "", rest] = out.split("\n");
  assertEquals(rest, "", `one line is expected on stdout: ${out}`);
  return documentOf(line, args);
}

/** Runs a command line in this process. */
export async function cli(
  args: readonly string[],
  signal: AbortSignal = new AbortController().signal,
  input = "",
): Promise<Ran> {
  let out = "";
  let err = "";
  const status = await main({
    args,
    env: () => undefined,
    signal,
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    readInput: () => input,
    out: (text) => out += text,
    err: (text) => err += text,
  });
  return {
    status,
    out,
    err,
    get json() {
      return onlyDocument(out, args);
    },
  };
}
