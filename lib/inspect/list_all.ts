/**
 * The instances of this node, with the things that need attention: from their
 * files, and from each QEMU, all asked side by side. A question: it changes
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
import type { None, ObjectOf } from "../words/json_schema.ts";
import { askInstances, type AskOptions } from "./ask_instances.ts";
import type { Asked, Depth, Subject } from "./ask_one.ts";
import { attentionOf } from "./attention.ts";
import type { NODE_MEMBERS } from "./list_schema.ts";

/** The node's instances. */
export type NodeListing = ObjectOf<typeof NODE_MEMBERS, None>;

/** One line of them. */
export type InstanceSummary = NodeListing["instances"][number];

type Reached = Pick<Reach, "runDir" | "reachedBy">;

/** One instance, and the data that only root can see. */
interface Seen extends Subject {
  readonly hidden: readonly ("process" | "runtime")[];
}

function look(
  { runDir, reachedBy }: Reached,
  name: string,
): Seen {
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
  return hidden.includes("process") || isHidden(asked) ? null : false;
}

function isHidden(asked: Asked): boolean {
  return asked.monitor !== "answered" && asked.isDenied === true;
}

async function summarize(
  seen: Seen,
  asked: Asked,
  compared: Depth,
): Promise<InstanceSummary> {
  const { paths, runtime } = seen;
  const isRead = !("code" in runtime);
  const answered = asked.monitor === "answered";
  const running = runs(seen, asked);
  const unknown = running === null || isHidden(asked) ? "unknown" : null;
  return {
    instance: paths.name,
    running,
    disks: isRead ? runtime.disks.length : null,
    nics: isRead ? runtime.nics.length : null,
    state: answered ? asked.runState : unknown,
    monitor: asked.monitor,
    compared: answered ? compared : null,
    attention: await attentionOf(seen, asked),
  };
}

/**
 * The instances of this node, by name: instances with a runtime file, and
 * instances with a QEMU but without a file. No wait is longer than the
 * deadline.
 *
 * @throws {HotplugError} `refused` | `permission-denied` if their directory
 * cannot be read
 */
export async function listAll(
  reached: Reached,
  options: AskOptions,
): Promise<{ instances: InstanceSummary[]; fault?: HotplugError }> {
  const { runDir } = reached;
  const recorded = listInstances(runDir);
  const names = [...recorded, ...runningBeside(runDir, recorded)].sort();
  const subjects = names.map((name) => look(reached, name));
  const asked = await askInstances(subjects, options);
  const { compared } = options;
  const instances = await Promise.all(
    subjects.map((one, i) => summarize(one, asked[i] ?? UNASKED, compared)),
  );
  const hidden = subjects.filter((one, i) =>
    one.hidden.length > 0 || isHidden(asked[i] ?? UNASKED)
  ).map(({ paths }) => paths.name);
  if (hidden.length === 0) return { instances };
  const what = `Cannot read all data of ${hidden.join(", ")}`;
  return { instances, fault: permissionDenied(what) };
}

const UNASKED: Asked = { monitor: "unasked" };
