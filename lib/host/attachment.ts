/**
 * The connection of a tap to this node's network. A network script connects it,
 * called as Ganeti calls it (SPEC 6.1), or else the node's own tools.
 *
 * @module
 */

import { joinBridge, leaveBridge, runNetworkScript } from "./network.ts";
import type { NicMode } from "./network_words.ts";
import { joinSwitch, leaveSwitch } from "./openvswitch.ts";
import { bridgeOf } from "./tap.ts";
import { joinRoute, leaveRoute } from "./tap_route.ts";

/** A program that joins a tap to the network. */
export interface AttachScript {
  /** Absolute. */
  readonly path: string;
  /** The program that disconnects it; null: there is none. */
  readonly down: string | null;
  /** As in SPEC 6.1, without the tap's name and the action. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The connection of a tap, as plain JSON. */
export interface Attachment {
  /** `none`: not connected. */
  readonly mode: NicMode;
  /** The bridge, the switch or the routing table; null: none. */
  readonly link: string | null;
  /** Ganeti's form: `100`, `.100`, `:100:200`; null: none. */
  readonly vlan: string | null;
  /** The guest's address, for a route. */
  readonly ip: string | null;
  /** Null: this node's own tools. */
  readonly script: AttachScript | null;
}

/** Connects a tap to its network. @throws {HotplugError} `host-error` */
export async function joinNetwork(tap: string, to: Attachment): Promise<void> {
  const { script, mode, link } = to;
  if (script !== null) {
    const environment = { ...script.environment, ACTION: "up" };
    return await runNetworkScript(script.path, tap, environment);
  }
  switch (mode) {
    case "bridged":
      return await joinBridge(tap, { bridge: link ?? "", vlan: to.vlan });
    case "routed":
      return await joinRoute(tap, to);
    case "openvswitch":
      return await joinSwitch(tap, to);
    case "none":
    case "ext":
      return;
    default:
      return mode satisfies never;
  }
}

/**
 * Disconnects a tap from its network, whatever program connected it. May be
 * repeated, also when the tap is gone.
 *
 * @throws {HotplugError} `host-error`
 */
export async function leaveNetwork(
  tap: string,
  from: Attachment,
): Promise<void> {
  const { script, mode } = from;
  if (script !== null && script.down !== null) {
    const environment = { ...script.environment, ACTION: "down" };
    await runNetworkScript(script.down, tap, environment);
  }
  switch (mode) {
    case "bridged":
      return await leaveBridge(tap);
    case "routed":
      return await leaveRoute(tap, from);
    case "openvswitch":
      return await leaveSwitch(tap);
    case "none":
    case "ext":
      return;
    default:
      return mode satisfies never;
  }
}

/** Whether a tap is connected; undefined: there is no way to tell. */
export function hangsOn(tap: string, on: Attachment): boolean | undefined {
  return on.mode === "bridged" ? bridgeOf(tap) === on.link : undefined;
}
