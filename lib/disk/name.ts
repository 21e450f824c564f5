/**
 * Common parts of plans for disks.
 *
 * @module
 */

import type { OwnFacts } from "../engine/own_facts.ts";
import type { ChrootNode } from "../host/access_record.ts";
import { holderOf } from "../plan/give_back.ts";
import type { Kind, OwnKind } from "../plan/kind.ts";
import { noteOn } from "../state/own_check.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { DiskStep } from "./steps.ts";
import { isStartedDrive, type StartedDrive } from "./started.ts";
import { diskView, NO_DETAILS, startedView } from "./view.ts";
import { DISK_NAME } from "./words.ts";

/** Removes the node; its directory stays passable while it has another node. */
function removeNode(own: OwnFacts, uuid: string, node: ChrootNode): DiskStep[] {
  const { place, qemu, record } = own;
  const { rootInode, rootMode } = node;
  const holder = holderOf(own);
  const [heir] = Object.entries(record.devices).flatMap(([other, before]) => {
    const { access } = before;
    if (other === uuid || access?.way !== "mknod") return [];
    return access.rootInode === rootInode ? [{ other, before, access }] : [];
  });
  if (heir === undefined || rootMode === null) {
    return [{ kind: "remove-node", node, ...holder }];
  }
  const { other, before } = heir;
  const access = { ...heir.access, rootMode };
  const after = { via: "mknod", ...before, access } as const;
  const change = { uuid: other, before, after };
  return [
    { kind: "own-record", place, qemu, change },
    { kind: "remove-node", node: { ...node, rootMode: null }, ...holder },
  ];
}

/** The steps that undo the changes that were made on this node for a disk. */
function giveBack(own: OwnFacts, uuid: string): DiskStep[] {
  const access = noteOn(own.record, uuid)?.access;
  if (access?.way === "chown") {
    return [{ kind: "return-owner", given: access, ...holderOf(own) }];
  }
  return access?.way === "mknod" ? removeNode(own, uuid, access) : [];
}

/** The common parts of all plans for disks. */
export const DISK = {
  ...DISK_NAME,
  taken: "always",
  sits: "pci",
  needs: {
    // The way to the disk may need more: ./way_path.ts.
    "disk-add": ["blockdev-add", "blockdev-del", "device_add", "device_del"],
    "disk-remove": ["device_del", "blockdev-del"],
    "disk-resize": ["block_resize"],
    // The change may need more: ./limits.ts, ./medium.ts.
    "disk-set": [],
  },
  giveBack,
  blank: NO_DETAILS,
  view: (
    device: DiskEntry | StartedDrive,
    facts: Parameters<typeof diskView>[1],
  ) =>
    isStartedDrive(device)
      ? startedView(device, facts)
      : diskView(device, facts),
} as const satisfies OwnKind & Pick<Kind, "needs" | "taken" | "sits">;
