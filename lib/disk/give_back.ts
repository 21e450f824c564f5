/**
 * What is given back when a disk is gone. Pure.
 *
 * @module
 */

import type { OwnFacts } from "../engine/own_facts.ts";
import type { OwnRecordStep } from "../engine/own_steps.ts";
import type { ChrootNode } from "../host/access_record.ts";
import { holderOf } from "../plan/give_back.ts";
import type { OwnRecord } from "../state/own_check.ts";
import type { DiskStep } from "./steps.ts";

/** Who else has a node in the same root directory. */
function heir(
  record: OwnRecord,
  uuid: string,
  { rootInode }: ChrootNode,
): { uuid: string; access: ChrootNode } | undefined {
  for (const [other, { access }] of Object.entries(record.devices)) {
    if (other === uuid || access?.way !== "mknod") continue;
    if (access.rootInode === rootInode) return { uuid: other, access };
  }
  return undefined;
}

function changeStep(
  { place, qemu, record }: OwnFacts,
  uuid: string,
  access: ChrootNode,
): OwnRecordStep {
  const before = record.devices[uuid] ?? null;
  const after = { kind: "disk", via: "mknod", ...before, access } as const;
  return { kind: "own-record", place, qemu, change: { uuid, before, after } };
}

/** The node goes; its directory stays passable while it leads to another. */
function removeNode(own: OwnFacts, uuid: string, node: ChrootNode): DiskStep[] {
  const next = heir(own.record, uuid, node);
  if (next === undefined || node.rootMode === null) {
    return [{ kind: "remove-node", node, ...holderOf(own) }];
  }
  const { rootMode } = node;
  return [
    changeStep(own, next.uuid, { ...next.access, rootMode }),
    {
      kind: "remove-node",
      node: { ...node, rootMode: null },
      ...holderOf(own),
    },
  ];
}

/** The steps that give back what was changed on this node for a disk. */
export function giveBackSteps(own: OwnFacts, uuid: string): DiskStep[] {
  const access = own.record.devices[uuid]?.access;
  if (access?.way === "chown") {
    return [{ kind: "return-owner", given: access, ...holderOf(own) }];
  }
  return access?.way === "mknod" ? removeNode(own, uuid, access) : [];
}
