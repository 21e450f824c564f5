/**
 * What is seen of each instance of a node: its files, its process, and the
 * answer of its QEMU; all QEMUs are asked side by side. A question: it changes
 * nothing.
 *
 * @module
 */

import type { Reach } from "../engine/options.ts";
import {
  type HotplugError,
  isDenied,
  isFailure,
  named,
  passShortage,
  permissionDenied,
  remark,
  remarkOf,
} from "../errors.ts";
import { isListenedTo } from "../host/connected_sockets.ts";
import { findQemu, type QemuProcess } from "../host/process.ts";
import { expectRuntime } from "../plan/facts.ts";
import { listInstances, runningBeside } from "../plan/instances.ts";
import { commandLine, instancePaths } from "../state/instance.ts";
import { askInstances, type AskOptions } from "./ask_instances.ts";
import type { Asked, Subject } from "./ask_one.ts";

/** How the instances of a node are reached. */
export type Reached = Pick<Reach, "runDir" | "reachedBy">;

/** One instance, and the data that only root can see. */
interface Seen extends Subject {
  readonly hidden: readonly ("process" | "runtime")[];
}

/** One instance, and what its QEMU answered. */
export interface Surveyed {
  readonly subject: Subject;
  readonly asked: Asked;
  /** Whether its VM runs; null if only root can see that. */
  readonly running: boolean | null;
  /** Whether only root can see all of its data. */
  readonly isHidden: boolean;
}

function look({ runDir, reachedBy }: Reached, name: string): Seen {
  const paths = instancePaths(runDir, name, { reachedBy });
  const hidden: ("process" | "runtime")[] = [];
  let process: QemuProcess | undefined;
  try {
    process = findQemu(paths.pid, name);
  } catch (error) {
    if (!isDenied(error)) throw error;
    hidden.push("process");
  }
  try {
    const { runtime } = expectRuntime(paths);
    return { paths, process, runtime, hidden };
  } catch (error) {
    passShortage(error);
    if (isDenied(error)) hidden.push("runtime");
    const runtime = isFailure(error, "no-such-instance")
      ? remark("no-runtime-file", "no runtime file", {
        hint: `to record its devices, run: ${
          commandLine(paths, "adopt", name)
        }`,
      })
      : remarkOf(named(error));
    return { paths, process, runtime, hidden };
  }
}

/**
 * Results that only a socket with a listener has: a VM with a lost pid file
 * must not be started a second time.
 */
const SERVED: readonly Asked["monitor"][] = ["answered", "held", "silent"];

/** @returns null if only root can see it */
function runs({ paths, process, hidden }: Seen, asked: Asked): boolean | null {
  const { monitor } = asked;
  if (process !== undefined || SERVED.includes(monitor)) return true;
  if (monitor === "unasked" && isListenedTo(paths.qmp)) return true;
  return hidden.includes("process") || isDeniedTo(asked) ? null : false;
}

/** Whether only root can ask it. */
export function isDeniedTo(asked: Asked): boolean {
  return asked.monitor !== "answered" && asked.isDenied === true;
}

/**
 * The instances of this node, by name: instances with a runtime file, and
 * instances with a QEMU but without a file. No wait is longer than the
 * deadline.
 *
 * @param tell what is told of each instance, once it was asked
 * @throws {HotplugError} `refused` | `permission-denied` if their directory
 * cannot be read
 */
export async function surveyNode<T>(
  reached: Reached,
  options: AskOptions,
  tell: (one: Surveyed) => Promise<T>,
): Promise<{ instances: T[]; fault?: HotplugError }> {
  const { runDir } = reached;
  const recorded = listInstances(runDir);
  const names = [...recorded, ...runningBeside(runDir, recorded)].sort();
  const hidden = new Set<string>();
  const instances = await askInstances(names, {
    look: (name) => look(reached, name),
    tell: async (subject, asked) => {
      const isHidden = subject.hidden.length > 0 || isDeniedTo(asked);
      if (isHidden) hidden.add(subject.paths.name);
      const running = runs(subject, asked);
      return await tell({ subject, asked, running, isHidden });
    },
  }, options);
  if (hidden.size === 0) return { instances };
  const all = names.filter((name) => hidden.has(name)).join(", ");
  const fault = permissionDenied(`Cannot read all data of ${all}`);
  return { instances, fault };
}
