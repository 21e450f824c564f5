/**
 * The description of a Ganeti network in a NIC's entry, `netinfo`: SPEC 2.2 and
 * 6.1.
 *
 * @module
 */

import { refuse } from "../errors.ts";
import { isLine } from "../host/network_words.ts";
import {
  formatJson,
  type JsonNode,
  type JsonObject,
  jsonObject,
  member,
  normalized,
  stringMember,
} from "../state/json.ts";
import { isUuid } from "../state/value_check.ts";

/** Members of a Network and the variables that they become. */
const VARIABLES = {
  network: "NETWORK_SUBNET",
  gateway: "NETWORK_GATEWAY",
  network6: "NETWORK_SUBNET6",
  gateway6: "NETWORK_GATEWAY6",
  mac_prefix: "NETWORK_MAC_PREFIX",
} as const;

/** The type of each member of Ganeti's object; it accepts no other member. */
const MEMBERS = new Map<string, JsonNode["type"]>(Object.entries({
  name: "string",
  serial_no: "number",
  mac_prefix: "string",
  network: "string",
  network6: "string",
  gateway: "string",
  gateway6: "string",
  reservations: "string",
  ext_reservations: "string",
  ctime: "number",
  mtime: "number",
  uuid: "string",
  tags: "array",
}));

function tagsOf(netinfo: JsonNode): string[] {
  const tags = member(netinfo, "tags");
  if (tags?.type !== "array") return [];
  return tags.items.flatMap((one) => one.type === "string" ? [one.value] : []);
}

/** Longest text, in characters: the kernel accepts 128 KiB, execve(2). */
const MAX_TEXT = 16_384;

/**
 * Checks values for a network script, which may come from any runtime file: no
 * variable can contain a NUL, and no script expects a second line.
 *
 * @returns the values
 * @throws {HotplugError} `refused`
 */
export function expectLines(
  variables: Record<string, string>,
): Record<string, string> {
  for (const [name, text] of Object.entries(variables)) {
    if (isLine(text) && text.length <= MAX_TEXT) continue;
    const shown = JSON.stringify(text.slice(0, 80));
    throw refuse(
      `Cannot pass ${name} to the network script: it must be one line of at most ${MAX_TEXT} characters, it is ${shown}`,
      "correct the NIC's entry in the runtime file",
    );
  }
  return variables;
}

/**
 * The variables about a network for the network script.
 *
 * @throws {HotplugError} `refused` if a variable cannot hold a value
 */
export function networkVariables(netinfo: JsonNode): Record<string, string> {
  const variables: Record<string, string> = {
    NETWORK_NAME: stringMember(netinfo, "name") ?? "",
    NETWORK_UUID: stringMember(netinfo, "uuid") ?? "",
    NETWORK_TAGS: tagsOf(netinfo).join(" "),
  };
  for (const [key, variable] of Object.entries(VARIABLES)) {
    const value = stringMember(netinfo, key);
    if (value) variables[variable] = value;
  }
  return expectLines(variables);
}

/** A network and its description. */
export interface Network {
  /** Lower case. */
  readonly uuid: string;
  /** JSON text of `netinfo`. */
  readonly netinfo: string;
}

/** One line that a script can get; for a list, each item. */
function isText(node: JsonNode): boolean {
  if (node.type === "array") {
    return node.items.every((one) => one.type === "string" && isText(one));
  }
  return node.type !== "string" || isLine(node.value);
}

/**
 * Reads an object as a network, as Ganeti's start does; nulls are left out.
 *
 * @returns or the fault of the object
 */
export function readNetwork(node: JsonNode): Network | string {
  if (node.type !== "object") return `it is ${node.type}`;
  const plain = normalized(node) as JsonObject;
  const given = plain.members.filter(({ value }) => value.type !== "null");
  for (const { key, value } of given) {
    const type = MEMBERS.get(key);
    if (type === undefined) return `a network has no ${JSON.stringify(key)}`;
    if (value.type !== type) return `its ${key} is ${value.type}, not ${type}`;
    if (!isText(value)) {
      return `its ${key} has control characters`;
    }
  }
  const uuid = stringMember(plain, "uuid") ?? "";
  if (!isUuid(uuid)) return "its uuid is missing or is not a uuid";
  if (!stringMember(plain, "name")) return "it has no name";
  return { uuid: uuid.toLowerCase(), netinfo: formatJson(jsonObject(given)) };
}
