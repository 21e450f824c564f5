/**
 * Where Ganeti keeps what belongs to one instance, made in any folder.
 *
 * @module
 */

/** Paths of one instance below a run directory. */
export interface Layout {
  readonly runDir: string;
  /** `kvm-hypervisor/pid/NAME` */
  readonly pid: string;
  /** `kvm-hypervisor/uid/NAME` */
  readonly uid: string;
  /** The QMP socket of Ganeti and of the tool under test. */
  readonly qmp: string;
  /** A QMP socket of the test's own, so that `qmp` stays free. */
  readonly test: string;
  /** The human monitor. */
  readonly monitor: string;
  /** The serial console. */
  readonly serial: string;
  /** The second serial line: the command agent. */
  readonly agent: string;
  /** The runtime file. */
  readonly runtime: string;
  /** The folder of NIC files. */
  readonly nic: string;
  readonly chroot: string;
  /** QEMU's `-D` log. */
  readonly log: string;
  /** The guest's output on its console. */
  readonly console: string;
}

/** The paths of an instance; makes nothing. `runDir` must be absolute. */
export function layoutOf(runDir: string, name: string): Layout {
  const root = `${runDir}/kvm-hypervisor`;
  return {
    runDir,
    pid: `${root}/pid/${name}`,
    uid: `${root}/uid/${name}`,
    qmp: `${root}/ctrl/${name}.qmp`,
    test: `${root}/ctrl/${name}.test`,
    monitor: `${root}/ctrl/${name}.monitor`,
    serial: `${root}/ctrl/${name}.serial`,
    agent: `${root}/ctrl/${name}.agent`,
    runtime: `${root}/conf/${name}.runtime`,
    nic: `${root}/nic/${name}`,
    chroot: `${root}/chroot/${name}`,
    log: `${runDir}/log/${name}.log`,
    console: `${runDir}/log/${name}.console`,
  };
}

/** Makes the folders, with the modes Ganeti gives them; existing are fine. */
export async function makeFolders(layout: Layout): Promise<void> {
  const root = `${layout.runDir}/kvm-hypervisor`;
  const shared = ["pid", "uid", "ctrl", "conf", "nic", "chroot"];
  await makeFolder(`${layout.runDir}/log`, 0o755);
  await makeFolder(`${layout.runDir}/instance-disks`, 0o755);
  for (const folder of [root, ...shared.map((part) => `${root}/${part}`)]) {
    await makeFolder(folder, 0o775);
  }
  await makeFolder(layout.nic, 0o775);
}

/** Like Ganeti: mkdir, then chmod, so that no umask changes the mode. */
export async function makeFolder(path: string, mode: number): Promise<void> {
  await Deno.mkdir(path, { recursive: true });
  await Deno.chmod(path, mode);
}
