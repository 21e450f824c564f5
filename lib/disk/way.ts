/**
 * The way to a new disk: handed over opened, by a path of QEMU's own, or over
 * the network. Pure.
 *
 * @module
 */

import type { BackingNode, DiskDevice, NodeOptions } from "../device/disk.ts";
import { cacheMode } from "../device/disk_settings.ts";
import { refuse } from "../errors.ts";
import type { Via } from "../host/access_record.ts";
import { refuseMissingCommands } from "../plan/requirements.ts";
import { command, qmpStep } from "../plan/steps.ts";
import { FDSET_COMMANDS } from "../qmp/commands.ts";
import { type DiskAddFacts, layerPin } from "./add_facts.ts";
import type { DiskAdd } from "./request.ts";
import type { OpenSourceStep } from "./source_steps.ts";
import { chooseAccess } from "./way_path.ts";
import type { DiskStep } from "./steps.ts";

/** What comes before and after the disk itself, and what QEMU opens. */
export interface WaySteps {
  /** Where QEMU gets the data. */
  readonly from: NodeOptions["from"];
  /** Until QEMU can. */
  readonly before: readonly DiskStep[];
  /** Once QEMU has it open, before the guest sees it. */
  readonly opened: readonly DiskStep[];
  /** Once the guest has the disk. */
  readonly after: readonly DiskStep[];
  /** Below a qcow2 image. @default it stands alone */
  readonly backing?: readonly BackingNode[];
}

/** What is to be known of a disk that goes opened. */
export type HandedDisk = Pick<DiskDevice, "uuid" | "devType" | "settings">;

type Opening = Omit<OpenSourceStep, "kind" | "direct">;

/**
 * An opened file, in an fd set of its own, which goes again once QEMU has it
 * open.
 */
function handOver(
  fdset: number,
  { uuid, settings, devType }: HandedDisk,
  opening: Opening,
): { before: DiskStep[]; after: DiskStep[] } {
  const set = { "fdset-id": fdset };
  const opaque = `kvm-hotplug disk-add ${uuid}`;
  const { direct } = cacheMode(settings.cache, devType);
  return {
    before: [
      { kind: "open-source", ...opening, direct },
      {
        ...qmpStep("add-fd", { ...set, opaque }, command("remove-fd", set)),
        fd: "source",
      },
    ],
    after: [qmpStep("remove-fd", set, null)],
  };
}

/** What was probed is looked at again once QEMU has opened it. */
function verifyOpen(step: DiskStep): DiskStep[] {
  if (step.kind !== "probe-path") return [];
  const { pid, path, identity } = step;
  return [{ kind: "verify-open", pid, path, identity }];
}

/** The disk goes opened, and so does every image below it. */
export function fdsetSteps(
  facts: Pick<DiskAddFacts, "qemu" | "source" | "chain">,
  disk: HandedDisk,
): WaySteps {
  const first = Math.max(0, ...facts.qemu.fdsets.map((one) => one.id)) + 1;
  const { path, identity } = facts.source;
  const { access } = disk.settings;
  const layers = facts.chain?.layers ?? [];
  const handed = [
    handOver(first, disk, { path, identity, access }),
    ...layers.map(({ path, identity }, i) =>
      handOver(first + 1 + i, disk, {
        path,
        identity,
        access: "ro",
        pin: layerPin(i),
      })
    ),
  ];
  return {
    from: { filename: `/dev/fdset/${first}` },
    before: handed.flatMap(({ before }) => before),
    opened: [],
    after: handed.flatMap(({ after }) => after),
    backing: layers.map(({ kind, format }, i) => ({
      format,
      protocol: kind === "file" ? "file" : "host_device",
      filename: `/dev/fdset/${first + 1 + i}`,
    })),
  };
}

/** By a path QEMU opens what it is told to, but not what lies below. */
function refuseChain({ chain, qemu }: DiskAddFacts, via: Via): void {
  if (chain === undefined || chain.layers.length === 0) return;
  refuseMissingCommands(qemu, FDSET_COMMANDS);
  throw refuse(
    `Cannot use --via ${via} for an image with a backing file: all of its chain goes opened`,
    "leave --via out",
  );
}

/** QEMU reaches the disk by network. */
function uriAccess(
  { uriFault }: DiskAddFacts,
  uri: string,
  via: DiskAdd["via"],
): { via: Via; steps: WaySteps } {
  if (via !== undefined && via !== "uri") {
    throw refuse(
      `Option --via ${via} goes with a file or block device, and ${uri} is a URI`,
    );
  }
  if (uriFault !== undefined) {
    throw refuse(uriFault, "a device of the node (access kernelspace) works");
  }
  return {
    via: "uri",
    steps: { from: { uri }, before: [], opened: [], after: [] },
  };
}

/**
 * Chooses the way.
 *
 * @param via the user's word; undefined: what is safe and works
 * @throws {HotplugError} status 3
 */
export function chooseWay(
  facts: DiskAddFacts,
  disk: DiskDevice,
  via: DiskAdd["via"],
): { via: Via; steps: WaySteps } {
  if (disk.uri !== undefined) return uriAccess(facts, disk.uri, via);
  if (via === "uri") {
    throw refuse("Option --via uri goes with a URI as the source");
  }
  const { id, uuid, settings } = disk;
  const chosen = chooseAccess(facts, { via, id, uuid, mode: settings.access });
  if (chosen === undefined) {
    refuseMissingCommands(facts.qemu, FDSET_COMMANDS);
    return { via: "fdset", steps: fdsetSteps(facts, disk) };
  }
  refuseChain(facts, chosen.via);
  const { filename, steps: before } = chosen;
  const opened = before.flatMap(verifyOpen);
  return {
    via: chosen.via,
    steps: { from: { filename }, before, opened, after: [] },
  };
}
