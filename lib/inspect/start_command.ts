/**
 * The command line of a QEMU that is identical to a recorded one. Pure.
 *
 * @module
 */

import { join } from "@std/path/posix";
import { isEmptied } from "../device/backend.ts";
import { titleOf } from "../device/select.ts";
import { startDisk } from "../device/start_disk.ts";
import { type NicStart, startNic } from "../device/start_nic.ts";
import type { Reach } from "../engine/options.ts";
import type { NicFiles } from "../host/nic_file.ts";
import { isDown, nothingChanged } from "../monitor/failure.ts";
import { type MonitorOptions, openMonitor } from "../monitor/monitor.ts";
import { askQemu } from "../plan/ask_qemu.ts";
import { expectRuntime, nicFilesOf, type QemuFacts } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";
import { propertyOf } from "../qmp/device_queries.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { ask } from "../qmp/query.ts";
import { type InstancePaths, instancePaths } from "../state/instance.ts";
import { optionValues } from "../state/kvm_options.ts";
import type { DiskEntry, NicEntry, Runtime } from "../state/runtime.ts";
import { readUidFile } from "./uid_file.ts";

/** What a command line is made from. */
export interface StartFacts {
  /** Also the sockets' names. */
  readonly paths: InstancePaths;
  /** The file. */
  readonly runtime: Runtime;
  /** The VM, if it runs: some things only it knows. */
  readonly qemu: QemuFacts | undefined;
  /** Ids of the NICs that have no option ROM. */
  readonly romless: ReadonlySet<string>;
  /** Undefined where Ganeti has no place for them. */
  readonly nicFiles: NicFiles | undefined;
  /** Content of the uid file, if there is one. */
  readonly uid: string | undefined;
  /** Where the state comes from: `-incoming`. */
  readonly incoming: string | undefined;
}

/** A command line, and what is not certain about it. */
export interface StartCommand {
  /** The program first. */
  readonly argv: readonly string[];
  /** One line each. */
  readonly warnings: readonly string[];
}

/** A monitor for Ganeti and this tool, unless the fixed part has it. */
function monitors({ paths, runtime }: StartFacts): string[] {
  const { kvmCmd, hvparams } = runtime;
  const there = ["-qmp", "-chardev", "-mon"].flatMap((option) =>
    optionValues(kvmCmd, option)
  );
  const kvmd = join(paths.runDir, "kvm-hypervisor/ctrl", `${paths.name}.kvmd`);
  return [paths.qmp, ...(hvparams.userShutdown ? [kvmd] : [])]
    .filter((path) => !there.some((value) => value.includes(path)))
    .flatMap((path) => ["-qmp", `unix:${path},server=on,wait=off`]);
}

/** Options that say as whom and where QEMU runs: qemu-options.hx. */
const CONFINING = ["-runas", "-chroot", "-run-with"];

/** As the running one does, else as the hvparams mean. */
function confinement(facts: StartFacts): string[] {
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
  return [
    ...(user === "" ? [] : ["-runas", user]),
    ...(hvparams.useChroot
      ? ["-chroot", join(runDir, "kvm-hypervisor/chroot", name)]
      : []),
  ];
}

/** A medium that the guest lost since is not in the target's drive either. */
function mediumOf(disk: DiskEntry, { qemu }: StartFacts): "in" | "out" {
  return isEmptied(disk, qemu?.block) ? "out" : "in";
}

function nicStart(
  nic: NicEntry,
  facts: StartFacts,
): NicStart & { readonly warnings: string[] } {
  const { id = "", driver = "" } = nic.hvinfo;
  const live = facts.qemu?.netdevs.get(id);
  const known = live?.tap ?? facts.nicFiles?.[String(nic.index)];
  const tap = known ?? `tap${nic.index}`;
  return {
    tap,
    queues: driver.startsWith("virtio") ? live?.queues : undefined,
    rom: facts.romless.has(id) ? "none" : "default",
    warnings: known !== undefined ? [] : [
      `the tap of ${titleOf(nic)} is not known: ${tap} stands for it`,
    ],
  };
}

/**
 * The command line that starts an identical machine.
 *
 * @throws {HotplugError} `unsupported` for a device that no start can have
 */
export function startCommand(facts: StartFacts): StartCommand {
  const { disks, nics, hvparams, kvmCmd } = facts.runtime;
  const release = facts.qemu?.version;
  const cards = nics.map((nic) => ({ nic, start: nicStart(nic, facts) }));
  return {
    argv: [
      ...kvmCmd,
      ...disks.flatMap((disk) =>
        startDisk(disk, { hvparams, release, medium: mediumOf(disk, facts) })
      ),
      ...cards.flatMap(({ nic, start }) =>
        startNic(nic, { ...start, hvparams })
      ),
      ...monitors(facts),
      ...confinement(facts),
      ...(facts.incoming === undefined ? [] : ["-incoming", facts.incoming]),
    ],
    warnings: cards.flatMap(({ start }) => start.warnings),
  };
}

/** Ids of the NICs whose option ROM is none. */
async function readRomless(
  qmp: QmpSession,
  { nics }: Runtime,
): Promise<Set<string>> {
  const romless = new Set<string>();
  for (const { hvinfo: { id } } of nics) {
    if (id === undefined) continue;
    try {
      if (await ask(qmp, propertyOf(id, "romfile")) === "") romless.add(id);
    } catch (error) {
      // Not there, or no PCI device.
      if (!(error instanceof QmpCommandError)) throw error;
    }
  }
  return romless;
}

interface Live {
  readonly qemu: QemuFacts | undefined;
  readonly romless: ReadonlySet<string>;
}

async function readLive(
  { paths, runtime }: { paths: InstancePaths; runtime: Runtime },
  options: MonitorOptions,
): Promise<Live> {
  try {
    using qmp = await openMonitor(paths.qmp, options);
    const qemu = await (await askQemu(qmp, paths))();
    return { qemu, romless: await readRomless(qmp, runtime) };
  } catch (error) {
    if (!isDown(error)) throw nothingChanged(error);
    return { qemu: undefined, romless: new Set() };
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
): Promise<StartCommand> {
  const paths = instancePaths(options.runDir, instance, {
    qmp: options.qmp,
    runtime: options.state,
  });
  const { runtime } = expectRuntime(paths);
  return startCommand({
    paths,
    runtime,
    ...await readLive({ paths, runtime }, options),
    nicFiles: nicFilesOf(paths),
    uid: readUidFile(paths),
    incoming: options.incoming,
  });
}
