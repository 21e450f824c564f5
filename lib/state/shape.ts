/**
 * The Ganeti release that wrote a runtime file, as far as its shape tells: SPEC
 * 2.4.
 *
 * @module
 */

import {
  formatJson,
  type JsonArray,
  type JsonNode,
  member,
  stringMember,
} from "./json.ts";
import { upgradeCommand } from "./upgrade.ts";

/** The first release with files of this shape. */
export type Shape = "2.7" | "2.9" | "2.10" | "2.16" | "3.0" | "3.1" | "3.2";

function itemsOf(node: JsonNode | undefined): readonly JsonNode[] {
  return node?.type === "array" ? node.items : [];
}

function has(node: JsonNode, key: string): boolean {
  return member(node, key) !== undefined;
}

/** Additions of Ganeti 3.2: SPEC 2.4, "N". */
function isNext(devices: readonly JsonNode[], hvparams: JsonNode | undefined) {
  return devices.some((one) => has(one, "role")) ||
    (hvparams !== undefined && has(hvparams, "boot_type"));
}

/**
 * The shape of an understood document: the oldest release that any part of it
 * shows.
 */
export function shapeOf(root: JsonArray): Shape {
  const [command, nics, hvparams, disks] = root.items;
  const cards = itemsOf(nics);
  const devices = [
    ...cards,
    ...itemsOf(disks).flatMap((one) => itemsOf(one)[0] ?? []),
  ];
  if (cards.some((one) => !has(one, "uuid"))) return "2.7";
  if (root.items.length < 4) return "2.9";
  if (devices.some((one) => !has(one, "hvinfo") && !has(one, "role"))) {
    return "2.10";
  }
  const driverless = devices.some((one) => {
    const hvinfo = member(one, "hvinfo");
    return hvinfo?.type === "object" && hvinfo.members.length > 0 &&
      !has(hvinfo, "driver");
  });
  if (driverless) return "2.16";
  if (isNext(devices, hvparams)) return "3.2";
  const discard = hvparams && stringMember(hvparams, "disk_discard");
  // 2.16 to 3.0 have the same shape.
  const old = discard === "default" || (command !== undefined &&
    formatJson(upgradeCommand(command)) !== formatJson(command));
  return old ? "3.0" : "3.1";
}
