/**
 * Which programs follow a VM's events.
 *
 * @module
 */

import { basename } from "@std/path/posix";
import type { Invocation } from "../words/options.ts";
import { parseInvocation } from "./args.ts";

/** Commands that hold a monitor for as long as nobody else needs it. */
const FOLLOWERS = ["events", "shell"];

/** It may have its version behind its name. */
const PROGRAM = /^kvm-hotplug(?:$|[-._\d])/;

function invocationOf(words: readonly string[]): Invocation | undefined {
  try {
    return parseInvocation(words);
  } catch {
    // Another version's, or no more than its name is like ours.
    return undefined;
  }
}

/**
 * Whether a process is a `kvm-hotplug events` or `shell`: by its command, as
 * the names of files and instances may be words like these.
 *
 * @param argv as in `/proc/PID/cmdline`
 */
export function isFollower(argv: readonly string[]): boolean {
  const [program = "", ...words] = argv;
  if (!PROGRAM.test(basename(program))) return false;
  const name = invocationOf(words)?.command?.name;
  return name !== undefined && FOLLOWERS.includes(name);
}
