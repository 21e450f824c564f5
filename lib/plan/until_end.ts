/**
 * Settings that do not outlive this QEMU, or a stop of the instance.
 *
 * @module
 */

import type { Properties } from "../device/hvinfo.ts";
import { type Remark, remark } from "../errors.ts";
import type { KindName } from "./kind.ts";

/**
 * The warning about settings that no start makes again: neither a property of a
 * device nor a member of Ganeti's objects has them.
 *
 * @param settings in the plural: "the limits of the disk"
 */
export function untilEnd(settings: string): Remark {
  return remark(
    "until-qemu-ends",
    `${settings} end with this QEMU: a migration and each start lose them`,
    { hint: "set them again afterwards" },
  );
}

/**
 * The warning about properties of `hvinfo`; undefined if there are none. Ganeti
 * makes a new `hvinfo` when it starts a stopped VM: SPEC 13.
 *
 * @param more the consequences. @default none
 */
export function untilStop(
  { title }: Pick<KindName, "title">,
  properties: Properties,
  more = "",
): Remark | undefined {
  const all = Object.entries(properties).map((pair) => pair.join(" "));
  if (all.length === 0) return undefined;
  return remark(
    "until-stop",
    `Ganeti's stop and start makes the ${title} without ${
      all.join(", ")
    }; a migration and a reboot keep it${more}`,
  );
}
