/**
 * Disks, whole: what lib/kinds.ts is told of them.
 *
 * @module
 */

import { isControllerWords } from "../device/scsi_controller.ts";
import type { Kind, RequestKind } from "../plan/kind.ts";
import { DISK } from "./name.ts";
import { diskNote } from "./note.ts";
import type { DiskRequest } from "./request.ts";
import { DISK_STEPS } from "./steps.ts";

/** By the kind of request; each loads what it needs and no more. */
const REQUESTS: {
  readonly [K in DiskRequest["kind"]]: RequestKind<
    Extract<DiskRequest, { kind: K }>
  >;
} = {
  "disk-add": {
    async prepare(request, node, world) {
      const { planDiskAdd } = await import("./add.ts");
      const { readDiskAddFacts, readSource } = await import("./add_facts.ts");
      const source = await readSource(node, request, world);
      return async (facts) => {
        const all = await readDiskAddFacts(facts, request, { source, world });
        return planDiskAdd(request, all);
      };
    },
  },
  "disk-add-empty": {
    async prepare(request, _node, world) {
      const { planEmptyDrive, readEmptyDriveFacts } = await import(
        "./empty_drive.ts"
      );
      const about = { request, qmp: world.qmp };
      return async (facts) =>
        planEmptyDrive(request, await readEmptyDriveFacts(facts, about));
    },
  },
  "disk-remove": {
    async prepare(request, _node, world) {
      const { planDiskRemove, readDiskRemoveFacts } = await import(
        "./remove.ts"
      );
      return async (facts) =>
        planDiskRemove(request, await readDiskRemoveFacts(facts, world));
    },
  },
  "disk-resize": {
    async prepare(request, _node, world) {
      const { planDiskResize, readDiskResizeFacts } = await import(
        "./resize.ts"
      );
      return async (facts) =>
        planDiskResize(request, await readDiskResizeFacts(facts, world));
    },
  },
  "disk-set": {
    async prepare(request) {
      const { whoIs } = await import("../engine/own_facts.ts");
      const { planDiskSet } = await import("./limits.ts");
      return async (facts) => {
        const who = await whoIs(facts.qemu.process);
        return planDiskSet(request, { ...facts, who });
      };
    },
  },
  "disk-set-medium": {
    async prepare(request, node, world) {
      const { planMedium, readMedium, readMediumFacts } = await import(
        "./medium.ts"
      );
      const source = await readMedium(node, request, world);
      return async (facts) =>
        planMedium(request, await readMediumFacts(facts, source, world.qmp));
    },
  },
};

/** All of disks. */
export const DISK_KIND: Kind<DiskRequest> = {
  ...DISK,
  requests: REQUESTS,
  steps: DISK_STEPS,
  record: diskNote,
  isWords: isControllerWords,
  async requirements(facts) {
    const { diskRequirements } = await import("./way_path.ts");
    return diskRequirements(facts);
  },
  async compare(facts, qmp) {
    const { compareDisks } = await import("./compare.ts");
    return await compareDisks(facts, qmp);
  },
  async adopt(facts, how) {
    const { readDiskAdoption } = await import("./adopt.ts");
    return await readDiskAdoption(facts, how);
  },
  async start(facts) {
    const { startDisks } = await import("./start.ts");
    return startDisks(facts);
  },
  finish: (instance, device) => ({
    kind: "disk-remove",
    instance,
    device,
    bootDisk: "forced",
  }),
};
