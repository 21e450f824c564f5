/**
 * The NIC in a request of a master: SPEC 5.4 and 6.1.
 *
 * @module
 */

import * as check from "../words/values.ts";
import { networkVariables } from "../device/netinfo.ts";
import { ATTACH_MODES } from "../host/network_words.ts";
import type { IdentityMend } from "../operation/request.ts";
import type { NicAdd, NicModify } from "../nic/request.ts";
import { formatJson, type JsonObject, normalized } from "../state/json.ts";
import type { GanetiInstance } from "./ganeti_instance.ts";
import {
  expectObject,
  textOf,
  uuidOf,
  valueOf,
  without,
  wrongValue,
} from "./ganeti_object.ts";

/** Members of a Network that become variables: SPEC 6.1. */
const NETWORK_TEXTS = [
  "name",
  "uuid",
  "network",
  "gateway",
  "network6",
  "gateway6",
  "mac_prefix",
];

function networkEnvironment(nic: JsonObject): Record<string, string> {
  const netinfo = valueOf(nic, "netinfo");
  if (valueOf(nic, "network") === undefined || netinfo === undefined) return {};
  const what = '"netinfo"';
  const network = expectObject(netinfo, what);
  for (const key of NETWORK_TEXTS) {
    word(textOf(network, key, what), key, check.shortText);
  }
  return networkVariables(network);
}

/** No variable can contain a NUL, and no script expects a second line. */
function checked(variables: Record<string, string>): Record<string, string> {
  for (const [name, text] of Object.entries(variables)) {
    if (text !== "") check.shortText({ option: name, text });
  }
  return variables;
}

/** Reads a text by its check; an empty text means nothing, as in Ganeti. */
function word<T>(
  text: string | undefined,
  option: string,
  convert: (word: check.Word) => T,
): T | undefined {
  return text ? convert({ option, text }) : undefined;
}

function modeOf(params: JsonObject): NicAdd["mode"] {
  const what = '"nicparams"';
  const text = textOf(params, "mode", what) ?? "";
  // Ganeti has no mode `none`.
  const modes = ATTACH_MODES.filter((one) => one !== "none");
  const mode = modes.find((one) => one === text);
  if (mode !== undefined) return mode;
  throw wrongValue(
    `"mode" of ${what}`,
    modes.join(", "),
    valueOf(params, "mode"),
  );
}

function linkOf(params: JsonObject): string | undefined {
  const mode = modeOf(params);
  const link = textOf(params, "link", '"nicparams"');
  // Only a bridge is looked up here; in other modes the script knows the
  // meaning.
  if (mode !== "bridged") return word(link, "LINK", check.shortText);
  return check.interfaceName({ option: "LINK", text: link ?? "" });
}

/**
 * The request for `hotmod` of a NIC: it contains all data of Ganeti.
 *
 * @throws {HotplugError} `usage`
 */
export function ganetiNicModify(
  instance: GanetiInstance,
  device: JsonObject,
  seq: number | undefined,
): NicModify {
  const added = ganetiNicAdd(instance, device, seq);
  const { name, mac, mode, link, vlan, ip, network, ganeti } = added;
  return {
    kind: "nic-modify",
    instance: added.instance,
    device: added.uuid.value,
    changes: {
      name,
      mac: mac.value,
      mode,
      link: link ?? null,
      vlan: vlan || null,
      ip: ip ?? null,
      network: network ?? null,
    },
    ganeti,
  };
}

/**
 * The request for `hotadd` of a NIC.
 *
 * @throws {HotplugError} `usage`
 */
export function ganetiNicAdd(
  instance: GanetiInstance,
  device: JsonObject,
  seq: number | undefined,
): NicAdd {
  const what = '"device"';
  const nic = expectObject(normalized(device), what);
  const params = expectObject(valueOf(nic, "nicparams"), '"nicparams"');
  const mac = check.mac({
    option: "MAC",
    text: textOf(nic, "mac", what) ?? "",
  });
  const { name, hvparams, tags } = instance;
  const vlan = textOf(params, "vlan", '"nicparams"');
  return {
    kind: "nic-add",
    instance: name,
    uuid: { value: uuidOf(nic, what), origin: "given" },
    name: word(textOf(nic, "name", what), "NAME", check.shortText),
    mac: { value: mac, origin: "given" },
    mode: modeOf(params),
    link: linkOf(params),
    vlan: vlan === "" ? vlan : word(vlan, "VLAN", check.vlan),
    ip: word(textOf(nic, "ip", what), "IP", check.ipAddress),
    network: word(textOf(nic, "network", what), "NETWORK", check.shortText),
    ganeti: {
      object: formatJson(without(nic, ["hvinfo", "pci"])),
      hvparams,
      environment: checked({
        TAGS: tags.join(" "),
        ...(vlan === undefined ? {} : { VLAN: vlan }),
        ...networkEnvironment(nic),
      }),
      seq,
    },
  };
}

/** The proof that a recorded NIC with another uuid is this NIC. */
export function nicIdentity(
  { name }: GanetiInstance,
  device: JsonObject,
  added?: NicAdd,
): IdentityMend {
  const what = '"device"';
  return {
    kind: "identity-mend",
    instance: name,
    list: "nics",
    uuid: uuidOf(device, what),
    paths: [],
    mac: textOf(device, "mac", what)?.toLowerCase(),
    said: added?.ganeti,
  };
}
