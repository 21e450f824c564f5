/**
 * How a tap hangs on this node's network, and joining and leaving it: by a
 * network script as Ganeti calls it (SPEC 6.1), else by the node's own tools.
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
  /** The program that takes it off again; null: there is none. */
  readonly down: string | null;
  /** Ganeti's, SPEC 6.1, but for the tap's name and what is to be done. */
  readonly environment: Readonly<Record<string, string>>;
}

/** What a tap hangs on, as plain JSON. */
export interface Attachment {
  /** `none`: on nothing. */
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

/** Joins a tap to what it is to hang on. @throws {HotplugError} `host-error` */
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
 * Takes a tap off what it hangs on, whoever joined it. May be repeated, also
 * when the tap is gone.
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

/** Whether a tap hangs on something; undefined: nothing can tell. */
export function hangsOn(tap: string, on: Attachment): boolean | undefined {
  return on.mode === "bridged" ? bridgeOf(tap) === on.link : undefined;
}
