/**
 * From a request to the one who plans it.
 *
 * @module
 */

import { NO_SOURCE } from "../device/disk_driver.ts";
import type { Facts, NodeFacts } from "../plan/facts.ts";
import type { Decision } from "../engine/plan.ts";
import type { DeviceRequest } from "./request.ts";
import type { World } from "../engine/world.ts";

/** Plans one request once QEMU has answered. */
export type Planner = (facts: Facts) => Decision | Promise<Decision>;

/**
 * Prepares the planning of a request: all that does not need QEMU's answers,
 * for it happens while QEMU works on them. Imports what the request's kind
 * needs and no more: the rest need not be compiled.
 */
export async function prepare(
  request: DeviceRequest,
  node: NodeFacts,
  world: World,
): Promise<Planner> {
  switch (request.kind) {
    case "disk-add": {
      if (request.source === NO_SOURCE) {
        const { readEmptyDriveFacts } = await import("../disk/empty_drive.ts");
        const { planEmptyDrive } = await import("../disk/empty_drive.ts");
        const about = { request, qmp: world.qmp };
        return async (facts) =>
          planEmptyDrive(request, await readEmptyDriveFacts(facts, about));
      }
      const { planDiskAdd } = await import("../disk/add.ts");
      const { readDiskAddFacts, readSource } = await import(
        "../disk/add_facts.ts"
      );
      const source = await readSource(node, request, world);
      return async (facts) => {
        const all = await readDiskAddFacts(facts, request, { source, world });
        return planDiskAdd(request, all);
      };
    }
    case "disk-remove": {
      const { readDiskRemoveFacts } = await import("../disk/remove.ts");
      const { planDiskRemove } = await import("../disk/remove.ts");
      return async (facts) =>
        planDiskRemove(request, await readDiskRemoveFacts(facts, world));
    }
    case "disk-resize": {
      const { readDiskResizeFacts } = await import("../disk/resize.ts");
      const { planDiskResize } = await import("../disk/resize.ts");
      return async (facts) =>
        planDiskResize(request, await readDiskResizeFacts(facts, world));
    }
    case "disk-set": {
      const { medium } = request;
      if (medium !== undefined) {
        const { readMedium, readMediumFacts } = await import(
          "../disk/medium.ts"
        );
        const { planMedium } = await import("../disk/medium.ts");
        const source = await readMedium(node, medium, world);
        return async (facts) => {
          const all = await readMediumFacts(facts, source, world.qmp);
          return planMedium(request.device, medium, all);
        };
      }
      const { whoIs } = await import("../engine/own_facts.ts");
      const { planDiskSet } = await import("../disk/limits.ts");
      return async (facts) => {
        const who = await whoIs(facts.qemu.process);
        return planDiskSet(request, { ...facts, who });
      };
    }
    case "nic-add": {
      const { readNicAddFacts } = await import("../nic/add_facts.ts");
      const { planNicAdd } = await import("../nic/add.ts");
      const whole = request.inNetwork === undefined
        ? request
        : (await import("../nic/ganeti_network.ts")).withNetwork(request, node);
      return async (facts) =>
        planNicAdd(whole, await readNicAddFacts(facts, whole, world));
    }
    case "nic-modify": {
      const { readNicModifyFacts } = await import("../nic/modified.ts");
      const { planNicModify } = await import("../nic/modify.ts");
      const whole = request.changes.inNetwork === undefined
        ? request
        : (await import("../nic/ganeti_network.ts")).withNetworkChange(
          request,
          node,
        );
      return async (facts) =>
        planNicModify(whole, await readNicModifyFacts(facts, whole, world));
    }
    case "nic-remove": {
      const { planNicRemove } = await import("../nic/remove.ts");
      const { ganetiDown, ganetiScript } = await import("../host/network.ts");
      const scripts = {
        ganetiScript: ganetiScript(),
        ganetiDown: ganetiDown(),
      };
      return (facts) => planNicRemove(request, { ...facts, ...scripts });
    }
    case "adopt": {
      const { readAdoptFacts } = await import("./adopt_facts.ts");
      const { planAdopt } = await import("./adopt.ts");
      return async (facts) => planAdopt(await readAdoptFacts(facts, world.qmp));
    }
    default:
      return request satisfies never;
  }
}
