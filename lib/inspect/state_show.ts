/**
 * The runtime file to the letter, and its meaning; the VM need not run.
 *
 * @module
 */

import { formatJson } from "../state/json.ts";
import {
  commandLine,
  type InstancePaths,
  instancePaths,
} from "../state/instance.ts";
import {
  type DeviceEntry,
  type DiskEntry,
  isCurrent,
  type Runtime,
} from "../state/runtime.ts";
import { shapeOf } from "../state/shape.ts";
import { upgradeRuntime } from "../state/upgrade.ts";
import {
  completeFacts,
  expectRuntime,
  nicFilesOf,
  readNode,
} from "../plan/facts.ts";
import { compareWhole } from "../compare/whole.ts";
import { nothingChanged } from "../monitor/failure.ts";
import {
  type MonitorOptions,
  openInstanceMonitor,
} from "../monitor/monitor.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import { isEntry } from "../plan/recorded.ts";
import { unfinished } from "./attention.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";
import type { Reach } from "../engine/options.ts";
import type { Difference } from "../plan/difference.ts";
import { loadKinds, REGISTER } from "../kinds.ts";
import { remark, remarkOf } from "../errors.ts";
import type { ObjectOf, Told } from "../words/json_schema.ts";
import type { stateMembers, VERIFICATION, VERIFIED } from "./state_schema.ts";
import { JsonText } from "../words/json_text.ts";

/** Options of `state show`. */
export type ShowOptions = Reach & MonitorOptions & {
  /** `against-qemu`: the live QEMU is asked, too. */
  readonly verify: "no" | "against-qemu";
};

/** A runtime file, with its meaning. */
export type StateView = ObjectOf<
  ReturnType<typeof stateMembers>,
  typeof VERIFIED
>;

/** The result of a comparison with QEMU. */
export type Verification = Told<typeof VERIFICATION>;

/** The result of a comparison in the form of the document. Pure. */
export function verification(all: readonly Difference[]): Verification {
  const differences = all.map(remarkOf);
  return { ok: differences.length === 0, differences };
}

/** The recorded data of a disk, whatever QEMU has. */
function recordedAs(disk: DiskEntry | undefined) {
  const { devType = null, link = null, uri = null, mode = null } = disk ?? {};
  return { dev_type: devType, link, uri, mode };
}

async function understood(runtime: Runtime, paths: InstancePaths) {
  const facts = { qemu: undefined, nicFiles: nicFilesOf(paths) };
  const kinds = await loadKinds();
  const views = (kind: DeviceEntry["kind"]) =>
    kinds.filter(({ word }) => word === kind)
      .flatMap(({ recorded, view }) =>
        recorded(runtime).filter(isEntry).map((entry) => view(entry, facts))
      );
  const hvparams = upgradeRuntime(runtime.root).items[2];
  return {
    /** Words; numbers as their text. */
    kvm_cmd: runtime.kvmCmd,
    nics: views("nic"),
    /** The upgraded object to the letter. */
    hvparams: new JsonText(
      hvparams === undefined ? "{}" : formatJson(hvparams),
    ),
    disks: views("disk").map((view, at) => ({
      ...view,
      ...recordedAs(runtime.disks[at]),
    })),
  };
}

/**
 * Compares an instance's file with its live QEMU and this node. The parts of an
 * unfinished change are not listed one by one, because a person need not repair
 * them.
 *
 * @throws {HotplugError} status 4 if QEMU cannot be asked
 */
async function compare(
  { paths, content }: {
    readonly paths: InstancePaths;
    readonly content: RuntimeContent;
  },
  options: MonitorOptions,
): Promise<readonly Difference[]> {
  const code = unfinished(paths);
  if (code !== undefined) {
    return [
      code === "interrupted"
        ? remark(code, "a change was interrupted", {
          hint: commandLine(paths, "repair", paths.name),
        })
        : remark(code, "a change is under way", {
          hint: "verify again after the change has ended",
        }),
    ];
  }
  using qmp = await openInstanceMonitor(paths, options);
  try {
    const answer = await askQemu(qmp, paths, REGISTER);
    const node = await readNode(paths, content);
    const facts = await completeFacts(node, await answer(), REGISTER);
    return (await compareWhole(facts, qmp)).differences;
  } catch (error) {
    throw nothingChanged(error);
  }
}

/**
 * Reads an instance's runtime file, and changes nothing.
 *
 * @throws {HotplugError} status 3; 4 only if QEMU must be asked
 */
export async function showState(
  instance: string,
  options: ShowOptions,
): Promise<StateView> {
  const paths = instancePaths(options.runDir, instance, options);
  const content = expectRuntime(paths);
  const { runtime, path } = content;
  const differences = options.verify === "no"
    ? undefined
    : await compare({ paths, content }, options);
  return {
    instance,
    path,
    version: shapeOf(runtime.root),
    current: isCurrent(runtime),
    raw: new JsonText(formatJson(runtime.root)),
    understood: await understood(runtime, paths),
    // Omitted without --verify.
    ...(differences && { verify: verification(differences) }),
  };
}
