/**
 * The way to a new disk: passed opened, by a path that QEMU opens, or over the
 * network. Pure.
 *
 * An opened file, passed in an fd set, works wherever QEMU runs and changes
 * nothing on the node; therefore it comes first.
 *
 * @module
 */

import {
  blockdevArguments,
  type DiskDevice,
  type DiskNode,
} from "../device/disk.ts";
import { cacheMode } from "../device/disk_settings.ts";
import type { QmpStep } from "../engine/qmp_steps.ts";
import { refuse } from "../errors.ts";
import type { Via } from "../host/access_record.ts";
import type { Facts } from "../plan/facts.ts";
import { refuseMissingCommands } from "../plan/requirements.ts";
import { command, qmpStep } from "../plan/steps.ts";
import { FDSET_COMMANDS } from "../qmp/commands.ts";
import { isJson, type Json } from "../qmp/message.ts";
import { text } from "../qmp/reading.ts";
import { LINE } from "../state/value_check.ts";
import { type DiskAddFacts, layerPin } from "./add_facts.ts";
import type { VerifyNodesStep } from "./block_steps.ts";
import type { OpenSourceStep } from "./source_steps.ts";
import type { DiskStep } from "./steps.ts";
import { pathWay, type Way } from "./way_path.ts";

/** The data of a disk with a source that is passed opened. */
export type HandedDisk = Pick<DiskDevice, "uuid" | "devType" | "settings">;

/** An opened file, in an fd set that is removed once QEMU has it open. */
function handOver(
  fdset: number,
  { uuid, settings, devType }: HandedDisk,
  opening: Omit<OpenSourceStep, "kind" | "direct">,
): { before: DiskStep[]; after: DiskStep } {
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
    after: qmpStep("remove-fd", set, null),
  };
}

/** The disk is passed opened, and so is every image below it. */
export function fdsetWay(
  facts: Pick<DiskAddFacts, "qemu" | "source" | "chain">,
  disk: HandedDisk,
): Way {
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
    via: "fdset",
    from: { filename: `/dev/fdset/${first}` },
    before: handed.flatMap(({ before }) => before),
    after: handed.map(({ after }) => after),
    backing: layers.map(({ kind, format }, i) => ({
      format,
      protocol: kind === "file" ? "file" : "host_device",
      filename: `/dev/fdset/${first + 1 + i}`,
    })),
  };
}

/** By a path QEMU opens the given file, but not the images below it. */
function refuseChain({ chain, qemu }: DiskAddFacts, via: Via): void {
  if (chain === undefined || chain.layers.length === 0) return;
  refuseMissingCommands(qemu, FDSET_COMMANDS);
  throw refuse(
    `Cannot use --via ${via} for an image with a backing file: QEMU must get all images of the chain as open files`,
    "omit --via",
  );
}

/** QEMU reaches the disk over the network. */
function uriWay(
  { uriFault }: DiskAddFacts,
  uri: string,
  via: Via | undefined,
): Way {
  if (via !== undefined && via !== "uri") {
    throw refuse(
      `Option --via ${via} needs a file or a block device, but ${uri} is a URI`,
    );
  }
  if (uriFault !== undefined) {
    throw refuse(
      uriFault,
      "use a block device on this node (access kernelspace)",
    );
  }
  return { via: "uri", from: { uri }, before: [] };
}

/**
 * Chooses the way.
 *
 * @param via the user's word; undefined: the safest way that works
 * @throws {HotplugError} status 3
 */
export function chooseWay(
  facts: DiskAddFacts,
  disk: DiskDevice,
  via: Via | undefined,
): Way {
  if (disk.uri !== undefined) return uriWay(facts, disk.uri, via);
  if (via === "uri") {
    throw refuse("Option --via uri needs a URI as SOURCE");
  }
  if (via === "fdset" || facts.access === undefined) {
    refuseMissingCommands(facts.qemu, FDSET_COMMANDS);
    return fdsetWay(facts, disk);
  }
  const way = pathWay(facts, disk, { via, access: facts.access });
  refuseChain(facts, way.via);
  return way;
}

/** Makes the block node of a disk that QEMU opens in this way. */
export function nodeStep(
  { qemu }: Pick<Facts, "qemu">,
  disk: DiskNode,
  { from, backing }: Way,
): QmpStep {
  return qmpStep(
    "blockdev-add",
    blockdevArguments(disk, { from, release: qemu.version, backing }),
    command("blockdev-del", { "node-name": disk.id }),
  );
}

/** The files that QEMU has to open, from the top down. */
function filesOf({ file, backing }: Json): string[] {
  const below = isJson(backing) ? filesOf(backing) : [];
  return isJson(file) ? [text(file.filename), ...below] : below;
}

/**
 * Checks the files that QEMU opened for an image of a format that can name
 * other files.
 */
export function verifyNodes(
  { qemu }: Pick<Facts, "qemu">,
  { id, format }: DiskNode,
  { arguments: args }: QmpStep,
): VerifyNodesStep[] {
  if (format !== "qcow2") return [];
  const known = [...qemu.nodeNames].filter((name) => LINE.test(name));
  return [{ kind: "verify-nodes", id, files: filesOf(args), known }];
}
