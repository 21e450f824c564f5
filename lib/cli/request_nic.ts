/**
 * The words of `nic add`.
 *
 * @module
 */

import { NIC_MODES } from "../device/nic.ts";
import { HotplugError, unsupported, usage } from "../errors.ts";
import type { NicAdd } from "../operation/request.ts";
import type { Invocation } from "./args.ts";
import { flag, option, path, plug } from "./request_words.ts";
import * as check from "./values.ts";

/** A random MAC under the prefix that Ganeti's clusters have by default. */
function randomMac(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(3));
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0"));
  return `aa:00:00:${hex.join(":")}`;
}

/** Modes Ganeti has and this release does not set up. */
const LATER_MODES = ["routed", "openvswitch"];

function nicMode(invocation: Invocation, link: string | undefined) {
  const said = invocation.values.get("mode");
  if (said !== undefined && LATER_MODES.includes(said)) {
    throw new HotplugError(
      "unsupported",
      `NIC mode ${said} is not supported: ${NIC_MODES.join(" and ")} are`,
    );
  }
  const mode = option(
    invocation,
    "mode",
    (word) => check.oneOf(word, NIC_MODES),
  ) ?? (link === undefined ? "none" : "bridged");
  if (mode === "bridged" && link === undefined) {
    throw usage("Mode bridged needs --link", "name the bridge: --link br0");
  }
  return mode;
}

/** Ganeti cannot start a NIC whose network's description is not recorded. */
function network(invocation: Invocation): undefined {
  if (!invocation.values.has("network")) return undefined;
  throw unsupported(
    "Option --network is not supported: only a master knows the network's description, which the runtime file must hold too",
  );
}

/**
 * Reads `nic add`. A MAC that was not given is made up here; what else was left
 * out stays open: the hvparams decide later.
 *
 * @throws {HotplugError} `usage` | `unsupported`
 */
export function nicAdd(invocation: Invocation, instance: string): NicAdd {
  const link = option(invocation, "link", check.interfaceName);
  const mac = option(invocation, "mac", check.mac);
  return {
    kind: "nic-add",
    instance,
    ...plug(invocation),
    mac: mac === undefined
      ? { value: randomMac(), origin: "made" }
      : { value: mac, origin: "given" },
    mode: nicMode(invocation, link),
    link,
    vlan: option(invocation, "vlan", check.vlan),
    ip: option(invocation, "ip", check.ipAddress),
    network: network(invocation),
    queues: option(
      invocation,
      "queues",
      (word) => check.wholeNumber(word, { min: 1, max: 32 }),
    ),
    vhost: flag(invocation, "vhost"),
    vnetHdr: invocation.flags.has("no-vnet-hdr") ? "off" : undefined,
    tap: option(invocation, "tap", check.interfaceName),
    script: option(invocation, "script", path),
  };
}
