/**
 * The instances of this node, with what a person should look at: from their
 * files, and from each QEMU, all asked side by side. A question: it changes
 * nothing.
 *
 * @module
 */

import { HotplugError, messageOf, passShortage } from "../errors.ts";
import { isListenedTo } from "../host/connected_sockets.ts";
import { findQemu } from "../host/process.ts";
import { expectRuntime } from "../plan/facts.ts";
import { listInstances, runningBeside } from "../plan/instances.ts";
import { instancePaths } from "../state/instance.ts";
import { askInstances, type AskOptions } from "./ask_instances.ts";
import type { Asked, Subject } from "./ask_one.ts";
import { attentionOf } from "./attention.ts";

/** One line of the node's instances. */
export interface InstanceSummary {
  /** Its name: that of its runtime file, else of its pid file. */
  readonly instance: string;
  /** Whether somebody listens for it, or Ganeti's pid file leads to it. */
  readonly running: boolean;
  /** Recorded ones, null if there is no runtime file to understand. */
  readonly disks: number | null;
  /** Likewise. */
  readonly nics: number | null;
  /** Run state as QEMU told it, null if it did not. */
  readonly state: string | null;
  /** What became of the question to its QEMU. */
  readonly monitor: Asked["monitor"];
  /** What a person should look at, null if nothing. */
  readonly attention: string | null;
}

function look(runDir: string, name: string): Subject {
  const paths = instancePaths(runDir, name);
  const process = findQemu(paths.pid, name);
  try {
    return { paths, process, runtime: expectRuntime(paths).runtime };
  } catch (error) {
    passShortage(error);
    const missing = error instanceof HotplugError &&
      error.code === "no-such-instance";
    const runtime = missing
      ? `no runtime file: kvm-hotplug adopt ${name} records its devices`
      : messageOf(error);
    return { paths, process, runtime };
  }
}

/**
 * What only a socket with a listener comes to: a VM whose pid file is lost must
 * not be started a second time.
 */
const SERVED: readonly Asked["monitor"][] = ["answered", "held", "silent"];

async function summarize(
  subject: Subject,
  asked: Asked,
): Promise<InstanceSummary> {
  const { paths, process, runtime } = subject;
  const isRead = typeof runtime !== "string";
  const answered = asked.monitor === "answered";
  return {
    instance: paths.name,
    running: process !== undefined || SERVED.includes(asked.monitor) ||
      (asked.monitor === "unasked" && isListenedTo(paths.qmp)),
    disks: isRead ? runtime.disks.length : null,
    nics: isRead ? runtime.nics.length : null,
    state: answered ? asked.runState : null,
    monitor: asked.monitor,
    attention: await attentionOf(subject, asked),
  };
}

/**
 * The instances of this node, by name: those that have a runtime file, and
 * those whose QEMU runs without one. None is waited for longer than the
 * deadline.
 *
 * @throws {HotplugError} `refused` if their directory cannot be read
 */
export async function listAll(
  runDir: string,
  options: AskOptions,
): Promise<InstanceSummary[]> {
  const recorded = listInstances(runDir);
  const names = [...recorded, ...runningBeside(runDir, recorded)].sort();
  const subjects = names.map((name) => look(runDir, name));
  const asked = await askInstances(subjects, options);
  return await Promise.all(
    subjects.map((one, i) => summarize(one, asked[i] ?? UNASKED)),
  );
}

const UNASKED: Asked = { monitor: "unasked" };
