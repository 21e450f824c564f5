/**
 * Checks whether devices can be hotplugged, and if not, why. Changes nothing.
 *
 * @module
 */

import { compareWhole } from "../compare/whole.ts";
import { refuseForeignVm } from "../engine/recover.ts";
import { type HotplugError, type Remark, remarkOf } from "../errors.ts";
import { type Via, VIAS } from "../host/access_record.ts";
import {
  type Confinement,
  confinementText,
  readConfinement,
} from "../host/confinement.ts";
import { nothingChanged } from "../monitor/failure.ts";
import {
  type MonitorOptions,
  openInstanceMonitor,
} from "../monitor/monitor.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import type { Difference } from "../plan/difference.ts";
import {
  completeFacts,
  type QemuFacts,
  readNode,
  readRecord,
  type Target,
} from "../plan/facts.ts";
import { pausedWarning } from "../plan/paused.ts";
import { qemuView } from "../plan/view.ts";
import { missingCommands } from "../plan/requirements.ts";
import { FDSET_COMMANDS } from "../qmp/commands.ts";
import { isRuntimeThere } from "../state/runtime_file.ts";
import { loadKinds, REGISTER } from "../kinds.ts";
import type { CheckFacts } from "../plan/kind.ts";
import type { CHECK_MEMBERS, WAY } from "./check_schema.ts";
import { apartFrom, interrupted } from "./attention.ts";
import {
  freeSlots,
  isSupported,
  judgeAll,
  type Requirement,
} from "./check_rules.ts";
import type { None, ObjectOf, Told } from "../words/json_schema.ts";
import { readUidText, uidFile, uidRemark } from "../state/uid_file.ts";

/** The result of a check. */
export interface CheckResult extends ObjectOf<typeof CHECK_MEMBERS, None> {
  /** Remarks that do not prevent hotplug. */
  readonly warnings: readonly Remark[];
}

function fileRequirement(
  fault: HotplugError | undefined,
  kinds: readonly string[],
): Requirement[] {
  if (fault === undefined) return [];
  const { message, hint = null } = fault;
  return [{
    name: "runtime-file",
    for: kinds,
    ok: false,
    detail: message,
    hint,
    kvm_extra: null,
  }];
}

/** Options of a check. */
export type CheckOptions = MonitorOptions & {
  /** Whether the VM may be another VM than the instance's. */
  readonly foreign: "allowed" | "refused";
};

/** The facts of a check. */
interface Looked {
  readonly facts: CheckFacts;
  /** Why there is no usable runtime file. */
  readonly fault: HotplugError | undefined;
  /** Undefined if there is nothing to compare QEMU with. */
  readonly differences: readonly Difference[] | undefined;
}

async function readCheckFacts(
  target: Target,
  options: CheckOptions,
): Promise<Looked> {
  const { kind, paths } = target;
  const { content, fault } = readRecord(target);
  // A VM with a missing or broken file can be checked, but not changed.
  if (fault !== undefined && !isRuntimeThere(paths.qmp)) throw fault;
  using qmp = await openInstanceMonitor(paths, options);
  const answer = await askQemu(qmp, paths, REGISTER);
  const node = await readNode(paths, content);
  const facts = await completeFacts(node, await answer(), REGISTER);
  if (kind === "instance" && options.foreign === "refused") {
    refuseForeignVm(facts.qemu.name, paths);
  }
  if (kind === "instance" && fault === undefined) {
    const compared = await compareWhole(facts, qmp);
    return { ...compared, fault };
  }
  const { process } = facts.qemu;
  const confinement = process && readConfinement(process);
  return { facts: { ...facts, confinement }, fault, differences: undefined };
}

/**
 * Checks an instance, or the VM behind a socket.
 *
 * @throws {HotplugError} status 3 or 4: it could not be asked
 */
export async function check(
  target: Target,
  options: CheckOptions,
): Promise<CheckResult> {
  try {
    const { facts, fault, differences } = await readCheckFacts(target, options);
    const kinds = await Promise.all(
      (await loadKinds()).map(async (kind) => ({
        kind,
        rules: await kind.requirements(facts),
      })),
    );
    const judged = judgeAll(facts, kinds);
    const requirements = [
      ...fileRequirement(fault, kinds.map(({ kind }) => kind.word)),
      ...judged.requirements,
    ];
    const { kind, label, paths } = target;
    const text = kind === "instance" ? readUidText(paths) : undefined;
    const left = kind === "instance" ? interrupted(paths) : undefined;
    const remark = uidRemark({
      path: uidFile(paths),
      text,
      uid: facts.confinement?.credentials.uid,
    });
    const paused = pausedWarning({ ...facts, paths });
    return {
      instance: label,
      supported: isSupported(requirements, kinds),
      requirements,
      kvm_extra: judged.kvm_extra,
      qemu: qemuView(facts.qemu, facts.confinement, text),
      ways: waysOf(facts.qemu, facts.confinement),
      free_slots: freeSlots(facts, kinds),
      differences: apartFrom(left, differences ?? []).map(remarkOf),
      compared: differences === undefined ? null : "whole",
      warnings: [left, remark, paused].flatMap((one) => one ?? []),
    };
  } catch (error) {
    throw nothingChanged(error);
  }
}

/** One way, and its state. */
export type WayView = Told<typeof WAY>;

type Usable = readonly [usable: WayView["usable"], detail: string];

function fdset(qemu: QemuFacts): Usable {
  const missing = missingCommands(qemu, FDSET_COMMANDS).join(", ");
  return missing === ""
    ? ["yes", "QEMU gets the disk as an open file"]
    : ["no", `the monitor lacks ${missing}`];
}

function byItself(
  via: "path" | "chown" | "mknod",
  confinement: Confinement | undefined,
): Usable {
  if (confinement === undefined) return ["no", "QEMU's process is unknown"];
  const { jail, userNamespace, mountNamespace } = confinement;
  const who = `QEMU runs as ${confinementText(confinement)}`;
  if (userNamespace === "another") {
    return ["no", "QEMU runs in another user namespace"];
  }
  if (via !== "mknod") return ["depends", who];
  if (jail === "none") return ["no", "QEMU has no root directory of its own"];
  return mountNamespace === "another"
    ? ["no", "QEMU runs in another mount namespace"]
    : ["depends", "works for block devices only"];
}

/** Every way to a disk, the safest first. */
export function waysOf(
  qemu: QemuFacts,
  confinement: Confinement | undefined,
): WayView[] {
  const look = (via: Via): Usable => {
    switch (via) {
      case "fdset":
        return fdset(qemu);
      case "path":
      case "chown":
      case "mknod":
        return byItself(via, confinement);
      case "uri":
        return [
          "depends",
          "QEMU must reach the server from its root directory",
        ];
      default:
        return via satisfies never;
    }
  };
  return VIAS.map((via) => {
    const [usable, detail] = look(via);
    return { via, usable, detail };
  });
}
