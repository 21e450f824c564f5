/**
 * Differences between runtime file, QEMU and node, apart from the devices of
 * the kinds. Pure.
 *
 * @module
 */

import { backendOf } from "../device/backend.ts";
import type { Plan } from "../engine/plan.ts";
import type { EngineStep } from "../engine/steps.ts";
import type { QemuProcess } from "../host/process.ts";
import type { Difference, WholeFacts } from "../plan/difference.ts";
import { netdevOf } from "../plan/facts.ts";
import type { QemuFacts } from "../plan/facts.ts";
import { repairPlan } from "../plan/finding.ts";
import type { Kind, KindName } from "../plan/kind.ts";
import { qmpStep } from "../plan/steps.ts";
import { allStrays, isLater } from "../plan/strays.ts";
import { fdsetIn } from "../qmp/block_queries.ts";
import { commandLine, type InstancePaths } from "../state/instance.ts";
import { fixedOptions, optionValues } from "../state/fixed_command.ts";
import { shellWord } from "../state/shell_word.ts";

/** The text add-fd was given by us. */
const OPAQUE = /^kvm-hotplug /;

/** Fd sets of ours that no block node uses. */
function fdsets({ qemu }: WholeFacts): Difference[] {
  return qemu.fdsets.filter(({ opaques }) =>
    opaques.length > 0 && opaques.every((one) => OPAQUE.test(one))
  ).map(({ id, opaques }) => ({
    code: "fd-set",
    device: null,
    message: `QEMU still has the unused fd set ${id} (${
      opaques[0]
    }), which is not needed`,
    hint: "repair removes it",
    mend: { word: "fd-set", subject: String(id), did: "removed it" },
  }));
}

/** Files that an operation was writing when it ended. */
export function leftoverDifferences(
  leftovers: readonly string[],
): Difference[] {
  return leftovers.map((path) => ({
    code: "leftover",
    device: null,
    message: `${path} is a leftover of an interrupted operation`,
    hint: "repair removes it",
    mend: { word: "leftover", subject: path, did: "removed it" },
  }));
}

/**
 * Whether QEMU tells which file a disk has open: not if it was passed as an fd
 * and QEMU holds that fd no longer.
 */
function isFileTold({ block, fdsets }: QemuFacts, id: string): boolean {
  const set = fdsetIn(backendOf(block, id)?.file ?? "");
  return set === undefined ||
    fdsets.some((one) => one.id === set && one.fds > 0);
}

/** Devices that nothing records: a guest has them. */
function unrecorded(
  { qemu, content, paths }: WholeFacts,
  { kinds, found }: Pick<CommonInput, "kinds" | "found">,
): Difference[] {
  const { runtime } = content;
  const told = found.map(({ device }) => device?.id);
  const strays = allStrays(qemu, runtime, kinds)
    .filter(({ has, origin }) => has === "device" && origin === "plugged")
    .filter(({ id }) => !told.includes(id));
  const titleOf = (kind: string) =>
    kinds.find(({ word }) => word === kind)?.title ?? kind;
  const known = new Set([
    ...kinds.flatMap(({ recorded }) => recorded(runtime))
      .map(({ hvinfo }) => hvinfo.id),
    ...fixedOptions(runtime.kvmCmd, "device").map(({ id }) => id),
    ...strays.map(({ id }) => id),
    ...told,
  ]);
  const name = (id: string) => ({ index: null, uuid: null, id });
  const adopt = (...options: string[]) =>
    commandLine(paths, "adopt", paths.name, ...options);
  const recording = (id: string) =>
    isFileTold(qemu, id)
      ? `. To record it, run: ${adopt()}`
      : `, and QEMU does not tell which file it has open. To see whether adopt can prove the file, run: ${
        adopt("--dry-run")
      }`;
  const isDiskOrNic = (id: string) =>
    backendOf(qemu.block, id) !== undefined || netdevOf(qemu, id) !== undefined;
  return [
    ...strays.map(({ id, kind }) => ({
      code: "not-recorded",
      device: { kind, ...name(id) },
      message: `QEMU has ${
        titleOf(kind)
      } ${id}, but the runtime file does not record it${recording(id)}`,
      hint: `to remove it, run: ${
        commandLine(paths, kind, "remove", paths.name, id, "--force")
      }`,
    })),
    ...[...qemu.drivers].filter(([id, driver]) =>
      !known.has(id) && !isLater(runtime, { id, driver })
    )
      .map(([id, driver]) => ({
        code: "not-recorded",
        device: null,
        message:
          `QEMU has a ${driver} ${id}, but the runtime file does not record it`,
        hint: isDiskOrNic(id)
          ? adopt(...isFileTold(qemu, id) ? [] : ["--dry-run"])
          : NOT_KEPT,
      })),
  ];
}

const NOT_KEPT =
  "adopt does not record this device: stop and start the instance to make its runtime file correct";

/** A machine type without a version stands for the newest of its kind. */
function sameMachine(recorded: string, live: string): boolean {
  if (recorded === "pc") return /^pc-(?:i440fx-)?\d/.test(live);
  if (recorded === "q35") return live.startsWith("pc-q35-");
  return recorded === live;
}

function machine({ content: { runtime }, qemu }: WholeFacts): Difference[] {
  const values = ["-machine", "-M"].flatMap((option) =>
    optionValues(runtime.kvmCmd, option)
  );
  const recorded = values.map((value) =>
    /(?:^|,)type=([^,]+)/.exec(value)?.[1] ??
      /^[^,=]+(?=,|$)/.exec(value)?.[0]
  ).findLast((one) => one !== undefined);
  if (recorded === undefined || sameMachine(recorded, qemu.machine)) return [];
  return [{
    code: "machine",
    device: null,
    message:
      `The runtime file starts machine type ${recorded}, but QEMU runs ${qemu.machine}`,
    hint: "stop and start the instance",
  }];
}

/** Pid and uid files, by which Ganeti finds the VM and frees its user. */
export interface ProcessFacts {
  /** The process that Ganeti's pid file leads to. */
  readonly filed: QemuProcess | undefined;
  readonly peer: number;
  /** The uid file's text; undefined if there is none. */
  readonly uidText: string | undefined;
  readonly uidFile: string;
}

function pidFile(
  { paths, qemu }: WholeFacts,
  { filed, peer }: ProcessFacts,
): Difference[] {
  if (filed !== undefined || qemu.process === undefined) return [];
  return [{
    code: "pid-file",
    device: null,
    message:
      `Pid file ${paths.pid} does not name the VM: the VM has pid ${peer}`,
    hint: `printf '%s\\n' ${peer} > ${shellWord(paths.pid)}`,
  }];
}

function uidFile(
  { content, confinement }: WholeFacts,
  { uidText, uidFile }: ProcessFacts,
): Difference[] {
  if (content.runtime.hvparams.securityModel !== "pool") return [];
  const uid = confinement?.credentials.uid;
  if (uid === undefined || uidText === String(uid)) return [];
  return [{
    code: "uid-file",
    device: null,
    message: `Uid file ${uidFile} says ${
      uidText ?? "nothing"
    }, but QEMU runs as uid ${uid}`,
    hint: "Ganeti will free the uid in the file when the instance stops",
  }];
}

/** Further facts for the common differences. */
export interface CommonInput {
  readonly process: ProcessFacts;
  /** All kinds there are. */
  readonly kinds: readonly (KindName & Pick<Kind, "strays">)[];
  /** What the kinds have told of already. */
  readonly found: readonly Difference[];
}

/** All of them. */
export function commonDifferences(
  facts: WholeFacts,
  { process, ...about }: CommonInput,
): Difference[] {
  return [
    ...fdsets(facts),
    ...leftoverDifferences(facts.leftovers),
    ...unrecorded(facts, about),
    ...machine(facts),
    ...(facts.paths.isDerived
      ? [...pidFile(facts, process), ...uidFile(facts, process)]
      : []),
  ];
}

/** The plan for one of them; undefined if it is not ours to mend. */
export function commonPlan(
  { name }: InstancePaths,
  { mend }: Difference,
): Plan | undefined {
  const { word, subject = "" } = mend ?? {};
  switch (word) {
    case "fd-set": {
      const set = { "fdset-id": Number(subject) };
      return repairPlan(name, `fd set ${subject}`, {
        steps: [qmpStep("remove-fd", set, null)],
      });
    }
    case "leftover": {
      const steps: EngineStep[] = [{ kind: "remove-leftover", path: subject }];
      return repairPlan(name, subject, { steps });
    }
  }
  return undefined;
}
