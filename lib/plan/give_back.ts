/**
 * What is given back when a disk is gone. Pure.
 *
 * @module
 */

import { isRemembrance, type OwnFacts } from "../engine/own_facts.ts";
import type { OwnRecordStep } from "../engine/own_steps.ts";
import type { Step } from "../engine/verbs.ts";
import type { ChrootNode } from "../host/access_record.ts";
import type { OwnRecord } from "../state/own_record.ts";

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

/** The process that must have let go before anything is given back. */
function holderOf({ qemu }: OwnFacts): { readonly holder?: number } {
  return qemu === null ? {} : { holder: qemu.pid };
}

/** The node goes; its directory stays passable while it leads to another. */
function removeNode(own: OwnFacts, uuid: string, node: ChrootNode): Step[] {
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
export function endAccessSteps(own: OwnFacts, uuid: string): Step[] {
  const access = own.record.devices[uuid]?.access;
  switch (access?.way) {
    case undefined:
      return [];
    case "chown":
      return [{ kind: "return-owner", given: access, ...holderOf(own) }];
    case "mknod":
      return removeNode(own, uuid, access);
    case "tap":
      return [{ kind: "remove-tap", tap: access }];
    default:
      return access satisfies never;
  }
}

/**
 * The step that forgets a device, if anything is noted of it but its limits:
 * those hold again when it is plugged again, as long as this QEMU runs.
 */
export function forgetSteps(
  own: OwnFacts,
  uuid: string,
): OwnRecordStep[] {
  const { place, qemu, record } = own;
  const before = record.devices[uuid];
  if (before === undefined) return [];
  const { kind, limits } = before;
  const after = limits === undefined ? null : { kind, limits };
  if (after !== null && isRemembrance(before)) return [];
  const change = { uuid, before, after };
  const held = before.kind === "disk" && before.access !== undefined;
  const holder = held ? holderOf(own) : {};
  return [{ kind: "own-record", place, qemu, change, ...holder }];
}
