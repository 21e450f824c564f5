/**
 * The command line of a QEMU that is identical to a recorded one. Pure.
 *
 * @module
 */

import { join } from "@std/path/posix";
import type { Reach } from "../engine/options.ts";
import { runCommand } from "../host/command.ts";
import { isDown, nothingChanged } from "../monitor/failure.ts";
import {
  type MonitorOptions,
  openInstanceMonitor,
} from "../monitor/monitor.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import { bootWords } from "../plan/boot.ts";
import { expectRuntime, nicFilesOf, type QemuFacts } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";
import { instancePaths } from "../state/instance.ts";
import { optionValues } from "../state/fixed_command.ts";
import type { Runtime } from "../state/runtime.ts";
import { readUidFile } from "../state/uid_file.ts";
import { loadKinds, REGISTER } from "../kinds.ts";
import type { StartFacts, StartWords } from "../plan/kind.ts";

/** The facts of a command line. */
export interface CommandFacts extends StartFacts {
  /** Words of each kind, in the order of the command line. */
  readonly kinds: readonly StartWords[];
  /** Content of the uid file, if there is one. */
  readonly uid: string | undefined;
  /** Whether QEMU accepts `-run-with user=…,chroot=…`. */
  readonly hasRunWith: boolean;
  /** The source of the state: `-incoming`. */
  readonly incoming: string | undefined;
}

/** A monitor for Ganeti and this tool, unless the fixed part has it. */
function monitors({ paths, runtime }: CommandFacts): string[] {
  const { kvmCmd, hvparams } = runtime;
  const there = ["-qmp", "-chardev", "-mon"].flatMap((option) =>
    optionValues(kvmCmd, option)
  );
  const kvmd = join(paths.runDir, "kvm-hypervisor/ctrl", `${paths.name}.kvmd`);
  return [paths.qmp, ...(hvparams.userShutdown ? [kvmd] : [])]
    .filter((path) => !there.some((value) => value.includes(path)))
    .flatMap((path) => ["-qmp", `unix:${path},server=on,wait=off`]);
}

/** Options for QEMU's user and root directory: qemu-options.hx. */
const CONFINING = ["-runas", "-chroot", "-run-with"];

/** Like the running QEMU, else by the hvparams. */
function confinement(facts: CommandFacts): string[] {
  const { kvmCmd, hvparams } = facts.runtime;
  const own = (words: readonly string[]) =>
    CONFINING.flatMap((option) =>
      optionValues(words, option).map((value) => [option, value])
    ).flat();
  if (own(kvmCmd).length > 0) return [];
  const live = facts.qemu?.process;
  if (live !== undefined) return own(live.argv);
  const { paths: { runDir, name }, uid } = facts;
  const user = hvparams.securityModel === "user"
    ? hvparams.securityDomain
    : hvparams.securityModel === "pool" && uid !== undefined
    ? `${uid}:${uid}`
    : "";
  const root = hvparams.useChroot
    ? join(runDir, "kvm-hypervisor/chroot", name)
    : "";
  if (facts.hasRunWith) {
    const values = [
      ...(user === "" ? [] : [`user=${user}`]),
      ...(root === "" ? [] : [`chroot=${root}`]),
    ];
    return values.length === 0 ? [] : ["-run-with", values.join()];
  }
  return [
    ...(user === "" ? [] : ["-runas", user]),
    ...(root === "" ? [] : ["-chroot", root]),
  ];
}

/**
 * Whether this QEMU has `-run-with` with both values: 9.1 and newer. 10.0 does
 * not have `-runas` and `-chroot` any more. A program that cannot be asked
 * cannot be started, either.
 */
async function hasRunWith({ hvparams, kvmCmd }: Runtime): Promise<boolean> {
  const { useChroot, securityModel } = hvparams;
  if (!useChroot && securityModel === "none") return false;
  const [program = ""] = kvmCmd;
  try {
    const options = { args: ["-version"], timeoutMs: 5_000 };
    const text = await runCommand(program, options);
    const [, major, minor] = /version (\d+)\.(\d+)/.exec(text) ?? [];
    return Number(major) * 100 + Number(minor) >= 901;
  } catch {
    return false;
  }
}

/** The command line that starts an identical machine. */
export function startCommand(facts: CommandFacts): StartWords {
  const { kinds, incoming, runtime } = facts;
  const { hvparams } = runtime;
  const isGanetis = hvparams.kernelPath !== undefined;
  return {
    argv: [
      ...runtime.kvmCmd,
      ...(hvparams.keymap === "" ? [] : ["-k", hvparams.keymap]),
      // Without it QEMU makes a NIC of its own.
      ...(isGanetis && runtime.nics.length === 0 ? ["-net", "none"] : []),
      ...bootWords(runtime),
      ...kinds.flatMap(({ argv }) => argv),
      ...monitors(facts),
      ...confinement(facts),
      ...(incoming === undefined ? [] : ["-incoming", incoming]),
    ],
    warnings: kinds.flatMap(({ warnings }) => warnings),
  };
}

async function wordsOf(
  facts: Omit<StartFacts, "qemu">,
  options: MonitorOptions,
): Promise<Pick<CommandFacts, "qemu" | "kinds">> {
  const { paths } = facts;
  const kinds = await loadKinds();
  const words = async (qemu: QemuFacts | undefined, qmp?: QmpSession) => {
    const whole = { ...facts, qemu };
    const all: StartWords[] = [];
    // One after the other: a session takes one set of questions at a time.
    for (const { start } of kinds) if (start) all.push(await start(whole, qmp));
    return { qemu, kinds: all };
  };
  try {
    using qmp = await openInstanceMonitor(paths, options);
    return await words(await (await askQemu(qmp, paths, REGISTER))(), qmp);
  } catch (error) {
    if (!isDown(error)) throw nothingChanged(error);
    return await words(undefined);
  }
}

/**
 * The command line that starts a machine identical to an instance, which need
 * not run.
 *
 * @throws {HotplugError} status 3; 4 if QEMU runs and cannot be asked
 */
export async function readStartCommand(
  instance: string,
  options: Reach & MonitorOptions & { readonly incoming: string | undefined },
): Promise<StartWords> {
  const paths = instancePaths(options.runDir, instance, options);
  const { runtime } = expectRuntime(paths);
  const facts = { paths, runtime, nicFiles: nicFilesOf(paths) };
  return startCommand({
    ...facts,
    ...await wordsOf(facts, options),
    uid: readUidFile(paths),
    hasRunWith: await hasRunWith(runtime),
    incoming: options.incoming,
  });
}
