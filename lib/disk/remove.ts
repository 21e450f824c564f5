/**
 * Plans to remove disks. Pure.
 *
 * @module
 */

import { backendOf, isMadeUp, servesUnnamed } from "../device/backend.ts";
import type { Plan } from "../engine/plan.ts";
import type { World } from "../engine/world.ts";
import { HotplugError, refuse, unsupported } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import { findEntry } from "../plan/addition.ts";
import { entryRemoval, planRemoval } from "../plan/removal.ts";
import { qmpStep } from "../plan/steps.ts";
import { straysOf } from "../plan/strays.ts";
import { nodesUnder } from "../qmp/block_graph.ts";
import { FDSET_FDS, fdsetIn, NAMED_NODES } from "../qmp/block_queries.ts";
import type { QmpSession } from "../qmp/client.ts";
import { askAll } from "../qmp/query.ts";
import { member } from "../state/json.ts";
import type { DiskEntry } from "../state/runtime.ts";
import { type BlockUsers, readBlockUsers, refuseUsed } from "./block_users.ts";
import type { DropNodeStep } from "./block_steps.ts";
import type { DiskRemove } from "./request.ts";
import type { AwaitReleaseStep } from "./source_steps.ts";
import { optionValues } from "../state/fixed_command.ts";
import { commandLine } from "../state/instance.ts";
import { whyNotGone } from "./still_there.ts";
import type { DiskStep } from "./steps.ts";
import { recordedWith } from "./chosen.ts";
import { refuseStarted } from "./chosen.ts";
import { DISK } from "./name.ts";

/** What is decided by how QEMU has the disk, never by Ganeti's version. */
export function diskBackendSteps(
  { qemu, users }: DiskRemoveFacts,
  id: string,
): DiskStep[] {
  // Nodes that were plugged one by one under the first, as for limits.
  const under = (top: string): DropNodeStep[] =>
    nodesUnder(users.graph, top).filter((name) => !isMadeUp(name))
      .map((name) => ({ kind: "drop-node", name }));
  const live = backendOf(qemu.block, id);
  // QEMU takes the node under a drive down with its device.
  if (live !== undefined && live.device !== "") {
    return [
      { kind: "drop-drive", drive: live.device },
      ...under(live.nodeName),
    ];
  }
  const isNamed = live !== undefined && !isMadeUp(live.nodeName);
  const node = isNamed ? live.nodeName : id;
  if (!isNamed && !qemu.nodeNames.has(id)) return [];
  if (node === id || !qemu.nodeNames.has(id)) {
    return [
      qmpStep("blockdev-del", { "node-name": node }, null),
      ...under(node),
    ];
  }
  // A snapshot or a mirror put another one on top, which may go by itself.
  const others = under(node).filter(({ name }) => name !== id);
  return [node, id].map((name) => ({ kind: "drop-node" as const, name }))
    .concat(others);
}

/**
 * As for a recorded disk, for a disk without an entry. Behind a node that no
 * device uses, a failed operation may also have left the fd set, which keeps
 * the file open.
 */
export function strayDiskSteps(
  facts: DiskRemoveFacts,
  id: string,
): DiskStep[] {
  const set = facts.strayFdsets?.get(id);
  return [
    ...diskBackendSteps(facts, id),
    ...set === undefined
      ? []
      : [qmpStep("remove-fd", { "fdset-id": set }, null)],
  ];
}

/** The step that waits until QEMU has closed a recorded disk's source. */
export function releaseSteps(facts: Facts, index: number): AwaitReleaseStep[] {
  const identity = facts.diskIdentities[index];
  const pid = facts.qemu.process?.pid;
  if (identity === undefined || pid === undefined) return [];
  // Ganeti lets links drift (SPEC 10.1, item 1): what another disk has open
  // is not released by this one.
  if (recordedWith(facts, identity).length > 1) return [];
  return [{ kind: "await-release", pid, identity }];
}

/**
 * Whether the disk was plugged from the command line of this tool. It then
 * stands on the command line of a migration's target, too, like the disk that
 * the VM was started from; but only Ganeti's objects count their changes.
 */
function wasPlugged({ node, link }: DiskEntry): boolean {
  const object = node.type === "array" ? node.items[0] : undefined;
  const ganeti = object === undefined || member(object, "serial_no") ||
    member(object, "ctime");
  return !ganeti && link !== null && !link.includes("/instance-disks/");
}

function refuseUnnamed(
  { qemu }: Facts,
  { id, title }: { id: string; title: string },
) {
  if (qemu.deviceIds.has(id) || !servesUnnamed(qemu.block, id)) return;
  throw unsupported(
    `Cannot remove ${title}: its device has no id in QEMU, so it cannot be unplugged`,
    "the VM was started with -drive if=…: the disk stays until the VM ends",
  );
}

function refuseBootDisk(
  facts: Facts,
  { entry, id, title }: { entry: DiskEntry; id: string; title: string },
) {
  const { hvparams } = facts.content.runtime;
  const argv = facts.qemu.process?.argv ?? [];
  if (argv.includes("-incoming") && wasPlugged(entry)) return;
  const started = argv.some((word) => word.split(/[,="{}\s]+/).includes(id));
  const boots = entry.index === 0 && hvparams.bootOrder === "disk" && started;
  if (!boots) return;
  throw refuse(
    `Cannot remove ${title}: the VM was started from it`,
    "to remove it anyway, use --force",
  );
}

/** Drives that no `disk remove` means. */
const NO_DISK = /(?:^|,)(?:media=cdrom|if=floppy|if=pflash)(?:,|$)/;

/**
 * Refuses what no entry stands for because it is in `kvm_cmd`, where Ganeti
 * before 2.10 had all disks: new devices can be plugged, those stay.
 */
function refuseFixed({ content, paths, qemu }: Facts) {
  const { kvmCmd, disks } = content.runtime;
  if (disks.length > 0) return;
  const fixed = optionValues(kvmCmd, "-drive")
    .filter((value) => !NO_DISK.test(value));
  if (fixed.length === 0) return;
  const isUnrecorded = straysOf(qemu, content.runtime)
    .some(({ has, kind }) => has === "device" && kind === DISK.word);
  throw new HotplugError(
    "no-such-device",
    `The runtime file of ${paths.name} records no disk: disks of its fixed command line (kvm_cmd, -drive) cannot be removed while the VM runs`,
    {
      hint: isUnrecorded
        ? `to record QEMU's disks, run: ${
          commandLine(paths, "adopt", paths.name)
        }`
        : "stop the instance to remove them",
    },
  );
}

/**
 * Plans to remove a disk.
 *
 * @throws {HotplugError} status 3
 */
export function planDiskRemove(
  request: DiskRemove,
  facts: DiskRemoveFacts,
): Plan {
  return planRemoval(facts, {
    kind: DISK,
    needs: DISK.needs["disk-remove"],
    entries: facts.content.runtime.disks,
    word: request.device,
    change: entryRemoval(DISK),
    checkUnknown: () => {
      refuseStarted(facts, { device: request.device, verb: "remove" });
      refuseFixed(facts);
    },
    checkGone: () => {
      if (facts.notGone === undefined) return;
      throw refuse(
        `Disk ${request.device} is not recorded, but it may still be in QEMU: ${facts.notGone}`,
        `to see QEMU's devices, run: ${
          commandLine(facts.paths, "list", facts.paths.name)
        }`,
      );
    },
    check: (chosen) => {
      refuseUnnamed(facts, chosen);
      if (request.bootDisk === "kept") refuseBootDisk(facts, chosen);
      const what = `remove ${chosen.title}`;
      refuseUsed(facts, { id: chosen.id, what });
    },
    backend: ({ id, key, entry }) => [
      ...diskBackendSteps(facts, id),
      ...releaseSteps(facts, entry.index),
      ...DISK.giveBack(facts.own, key),
    ],
    unrecorded: request.unrecorded,
    strayBackend: (id) => {
      refuseUsed(facts, { id, what: `remove disk ${id}` });
      return strayDiskSteps(facts, id);
    },
  });
}

/** What removing a disk depends on. */
export interface DiskRemoveFacts extends Facts {
  readonly users: BlockUsers;
  /** Fd sets of nodes that no device uses, by node-name, unless empty. */
  readonly strayFdsets?: ReadonlyMap<string, number> | undefined;
  /** Why a disk that no entry records may be open; undefined: it is not. */
  readonly notGone?: string | undefined;
}

/** Asks only where there is such a node. */
async function readStrayFdsets(
  { qemu, content }: Facts,
  qmp: QmpSession,
): Promise<DiskRemoveFacts["strayFdsets"]> {
  const strays = straysOf(qemu, content.runtime)
    .filter(({ has, kind }) => has === "backend" && kind === "disk");
  if (strays.length === 0) return undefined;
  const { nodes, fds } = await askAll(qmp, {
    nodes: NAMED_NODES,
    fds: FDSET_FDS,
  });
  return new Map(strays.flatMap(({ id }): [string, number][] => {
    const node = nodes.find(({ name }) => name === id);
    const set = fdsetIn((node ?? backendOf(qemu.block, id))?.file ?? "");
    const isFull = set !== undefined && (fds.get(set) ?? []).length > 0;
    return isFull ? [[id, set]] : [];
  }));
}

/** Adds what removing a disk depends on. */
export async function readDiskRemoveFacts(
  facts: Facts,
  { qmp }: Pick<World, "qmp">,
  { device = "", volume }: Partial<DiskRemove> = {},
): Promise<DiskRemoveFacts> {
  const isRecorded = findEntry(facts.content.runtime.disks, device);
  const notGone = volume === undefined || isRecorded
    ? undefined
    : await whyNotGone(facts, volume, qmp);
  return {
    ...facts,
    users: await readBlockUsers(facts, qmp),
    strayFdsets: await readStrayFdsets(facts, qmp),
    notGone,
  };
}
