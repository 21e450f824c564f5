/**
 * Comparisons of file, QEMU and node made of plain data: all is in order but
 * for what is given.
 *
 * @module
 */

import {
  commonDifferences,
  commonPlan,
  type ProcessFacts,
} from "../../lib/compare/common.ts";
import {
  type DiskCompareFacts,
  diskDifferences,
} from "../../lib/disk/compare.ts";
import { diskMend } from "../../lib/disk/mend.ts";
import { DISK } from "../../lib/disk/name.ts";
import { type NicCompareFacts, nicDifferences } from "../../lib/nic/compare.ts";
import { nicMend } from "../../lib/nic/mend.ts";
import { NIC } from "../../lib/nic/name.ts";
import type { Plan } from "../../lib/engine/plan.ts";
import { jsonNode, type Plain } from "../../lib/state/json.ts";
import type { World } from "../../lib/engine/world.ts";
import type { Difference } from "../../lib/plan/difference.ts";
import { netdevOf } from "../../lib/plan/facts.ts";
import { PROPERTY, propertyPlan } from "../../lib/plan/compare_properties.ts";
import type { QmpSession } from "../../lib/qmp/client.ts";
import type { Command } from "../../lib/qmp/session_options.ts";
import type { BlockBackend } from "../../lib/qmp/commands.ts";
import type { DiskEntry } from "../../lib/state/runtime.ts";
import { assert, facts, type FactsSpec } from "./facts.ts";

/** All that a comparison of devices depends on. */
export type Compared = DiskCompareFacts & NicCompareFacts;

/** What differs from an instance in order. */
export type ComparisonSpec =
  & FactsSpec
  & Partial<Omit<Compared, keyof ReturnType<typeof facts>>>
  & {
    /** Of the runtime file. */
    readonly kvmCmd?: readonly string[];
    /** What the file has behind the lists. */
    readonly later?: readonly Plain[];
    readonly process?: Partial<ProcessFacts>;
  };

/** A world for plans that ask QEMU nothing. */
export const NOTHING_ASKED: Pick<World, "qmp"> = {
  // This QEMU has no command that tells what is below a node.
  qmp: undefined as never,
};

/** What QEMU has behind a disk. */
export function backend(id: string): BlockBackend {
  return {
    qdev: `/machine/peripheral/${id}/virtio-backend`,
    device: "",
    nodeName: id,
    sizeBytes: 1,
    file: "/dev/fdset/1",
  };
}

function targetOf({ hvinfo }: DiskEntry) {
  const { id = "", bus, channel, scsiId, lun } = hvinfo;
  const path = `/machine/peripheral/scsi/virtio-backend/${bus}`;
  return [id, { bus: path, channel, scsiId, lun }] as const;
}

/** What the kinds look at. */
export function compared(spec: ComparisonSpec = {}): Compared {
  const { kvmCmd, later = [], process: _, ...more } = spec;
  const all = facts(more);
  const { disks, nics } = all.content.runtime;
  const { root } = all.content.runtime;
  const known = kvmCmd === undefined
    ? root.items
    : [jsonNode(kvmCmd), ...root.items.slice(1)];
  const runtime = {
    ...all.content.runtime,
    root: { ...root, items: [...known, ...later.map(jsonNode)] },
    kvmCmd: kvmCmd ?? all.content.runtime.kvmCmd,
  };
  const idOf = ({ hvinfo }: { hvinfo: { id?: string | undefined } }) =>
    hvinfo.id ?? "";
  const taps = nics.flatMap((nic) =>
    netdevOf(all.qemu, idOf(nic))?.facts.tap ?? []
  );
  return {
    confinement: undefined,
    openFiles: undefined,
    leftovers: [],
    targets: new Map(
      disks.filter(({ hvinfo }) => hvinfo.scsiId !== undefined).map(targetOf),
    ),
    drift: {
      links: disks.map((_, i) => ({
        lead: { identity: `disk ${i}` },
        named: [],
      })),
      open: undefined,
    },
    inUse: new Set(),
    properties: new Map(),
    moved: [],
    media: [],
    cut: [],
    macs: new Map(nics.map((nic) => [idOf(nic), nic.mac ?? ""])),
    heldTaps: new Set(taps),
    taps: new Set(taps),
    cuts: new Map(),
    tunings: new Map(),
    held: new Map(),
    ...all,
    ...more,
    content: { ...all.content, runtime },
    qemu: {
      ...all.qemu,
      block: more.qemu?.block ?? disks.map((disk) => backend(idOf(disk))),
    },
  };
}

/** Pid and uid file; both are right. */
function processFacts(
  { qemu, paths }: Compared,
  more: Partial<ProcessFacts> = {},
): ProcessFacts {
  return {
    filed: qemu.process,
    peer: 4711,
    uidText: undefined,
    uidFile: `${paths.runDir}/uid`,
    ...more,
  };
}

/** A monitor that tells the properties that were compared, and no more. */
function telling({ properties }: Compared): QmpSession {
  const answer = ({ execute, args = {} }: Command) => {
    const id = String(args.path).replace("/machine/peripheral/", "");
    const live = properties.get(id) ?? new Map();
    return execute === "qom-list"
      ? [...live].filter(([_, value]) => value !== null).map(([name]) => ({
        name,
      }))
      : live.get(String(args.property)) ?? undefined;
  };
  return {
    executeAll: (commands: readonly Command[]) =>
      Promise.resolve(commands.map(answer)),
  } as unknown as QmpSession;
}

/** What a comparison came to, with the facts it was made of. */
export interface Judged {
  readonly given: Compared;
  readonly differences: readonly Difference[];
  /** What repair does about one; who found it plans it. */
  plan(one: Difference): Promise<Plan | undefined>;
}

/** Compares as all who ask do; only what is looked at is given. */
export function judged(spec: ComparisonSpec = {}): Judged {
  const given = compared(spec);
  const disks = diskDifferences(given);
  const nics = nicDifferences(given);
  const found = [...disks, ...nics];
  const process = processFacts(given, spec.process);
  const others = commonDifferences(given, {
    ...{ process, found },
    kinds: [DISK, NIC],
  });
  const qmp = telling(given);
  return {
    given,
    differences: [...found, ...others],
    async plan(one) {
      if (one.mend?.word === PROPERTY) {
        return await propertyPlan(given, one, qmp);
      }
      if (disks.includes(one)) return await diskMend(given, one, { qmp });
      return nics.includes(one)
        ? nicMend(given, one)
        : commonPlan(given.paths, one);
    },
  };
}

/** The only difference there is; it says what helps. */
export function onlyDifference(spec: ComparisonSpec): Difference {
  const [one, ...others] = judged(spec).differences;
  assert(others.length === 0, JSON.stringify(others));
  assert(one !== undefined && one.message !== "" && one.hint !== "", "none");
  return one;
}
