/**
 * The Instance in a request of a master: SPEC 5.4.
 *
 * @module
 */

import { unsupported } from "../errors.ts";
import { formatJson, type JsonNode, stringMember } from "../state/json.ts";
import { checkInstanceName } from "../state/instance.ts";
import {
  expectObject,
  textOf,
  textsOf,
  valueOf,
  wrongValue,
} from "./ganeti_object.ts";

/** The parts of an Instance on which a hotplug depends. */
export interface GanetiInstance {
  readonly name: string;
  /** JSON text of the configured hvparams. */
  readonly hvparams: string | undefined;
  readonly tags: readonly string[];
  /** Uuids of the configured disks, lower case; none if they are missing. */
  readonly order: readonly string[];
}

function orderOf(instance: JsonNode): string[] {
  const disks = valueOf(instance, "disks_info");
  if (disks === undefined) return [];
  if (disks.type !== "array") throw wrongValue('"disks_info"', "a list", disks);
  return disks.items.map((disk) =>
    (stringMember(disk, "uuid") ?? "").toLowerCase()
  );
}

/**
 * Reads an Instance. A name alone is enough; all other members are optional.
 *
 * @throws {HotplugError} `usage` | `unsupported`
 */
export function ganetiInstance(node: JsonNode | undefined): GanetiInstance {
  if (node?.type === "string") {
    return {
      name: checkInstanceName(node.value),
      hvparams: undefined,
      tags: [],
      order: [],
    };
  }
  const instance = expectObject(node, '"instance"');
  const name = textOf(instance, "name", '"instance"');
  if (name === undefined) {
    throw wrongValue('"name" of "instance"', "a text", undefined);
  }
  const hypervisor = textOf(instance, "hypervisor", '"instance"') ?? "kvm";
  if (hypervisor !== "kvm") {
    throw unsupported(
      `Hypervisor ${hypervisor} is not supported: it must be kvm`,
    );
  }
  const hvparams = valueOf(instance, "hvparams");
  return {
    name: checkInstanceName(name),
    hvparams: hvparams && formatJson(expectObject(hvparams, '"hvparams"')),
    tags: textsOf(instance, "tags"),
    order: orderOf(instance),
  };
}
