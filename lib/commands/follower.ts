/**
 * Programs that follow a VM's events.
 *
 * @module
 */

import { basename } from "@std/path/posix";
import type { Invocation } from "../words/options.ts";
import { parseInvocation } from "./args.ts";

/** Commands that hold a monitor until another client needs it. */
const FOLLOWERS = ["events", "shell"];

/** Its version may follow its name. */
const PROGRAM = /^kvm-hotplug(?:$|[-._\d])/;

function invocationOf(words: readonly string[]): Invocation | undefined {
  try {
    return parseInvocation(words);
  } catch {
    // Another version, or another program with a similar name.
    return undefined;
  }
}

/**
 * Whether a process is a `kvm-hotplug events` or `shell`. The command decides,
 * because names of files and instances may be the same words.
 *
 * @param argv as in `/proc/PID/cmdline`
 */
export function isFollower(argv: readonly string[]): boolean {
  const [program = "", ...words] = argv;
  if (!PROGRAM.test(basename(program))) return false;
  const name = invocationOf(words)?.command?.name;
  return name !== undefined && FOLLOWERS.includes(name);
}
