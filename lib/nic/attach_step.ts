/**
 * The step that joins a tap to this node's network, or takes it off.
 *
 * @module
 */

import { messageOf, type Remaining } from "../errors.ts";
import type { Attachment } from "../host/attachment.ts";
import { interfaceExists } from "../host/tap.ts";
import {
  type AttachTapStep,
  checkAttach,
  TAP_VALUE,
  type TapName,
} from "./step_types.ts";
import { type Effect, FOR_QEMU, ON_NODE } from "../engine/verbs.ts";
import { defineStep, type StepKind, type World } from "../engine/world.ts";

/** Only NICs have such a step: the rest is loaded when one runs. */
const networks = () => import("../host/attachment.ts");

/** A new tap has no name before it was made. */
function nameOf(tap: TapName, world: World): string | undefined {
  return typeof tap === "string" ? tap : world.values.get(TAP_VALUE);
}

function titleOf(tap: TapName): string {
  return typeof tap === "string" ? `tap ${tap}` : "the tap";
}

function whereTo({ mode, link, script, ip, vlan }: Attachment): string {
  if (script !== null) return `run ${script.path} TAP`;
  const tagged = vlan ? `, VLAN ${vlan}` : "";
  switch (mode) {
    case "bridged":
      return `ip link: address fe:…, MTU of ${link}, master ${link}, up${tagged}`;
    case "routed":
      return `ip route: ${ip} by the tap${
        link === null ? "" : `, table ${link}`
      }, proxy and forwarding on`;
    case "openvswitch":
      return `ovs-vsctl: add it to ${link}${tagged}`;
    case "none":
    case "ext":
      return "nothing";
    default:
      return mode satisfies never;
  }
}

function offOf({ mode, link, script }: Attachment): string {
  const down = script?.down == null ? [] : [`run ${script.down} TAP`];
  const words = {
    bridged: ["ip link: no master"],
    routed: ["ip route, ip rule: without the tap"],
    openvswitch: [`ovs-vsctl: take it out of ${link}`],
    none: [],
    ext: [],
  }[mode];
  return [...down, ...words].join("; ") || "nothing";
}

/** One line for what is done on the way from one to the other. */
function actionOf(from: Attachment | null, to: Attachment | null): string {
  const parts = [from && offOf(from), to && whereTo(to)]
    .filter((part) => part && part !== "nothing");
  return parts.join("; ") || "nothing";
}

async function effectOf(
  { tap, to }: AttachTapStep,
  world: World,
): Promise<Effect> {
  const name = nameOf(tap, world);
  // Without the tap nothing hangs on anything, and nothing can be joined.
  if (name === undefined) return to === null ? "done" : "not-done";
  if (to === null) return "unknown";
  const { hangsOn } = await networks();
  const found = hangsOn(name, to);
  if (found === undefined) return "unknown";
  return found ? "done" : "not-done";
}

/** The guest has released it: it goes, whatever stays of it. */
function leftOn(tap: string, error: unknown): Remaining {
  return {
    what: `Something of tap ${tap} may stay on this node's network: ${
      messageOf(error)
    }`,
    hint: "look what it was to take off",
  };
}

/** The step on a tap's network. */
export const ATTACH_TAP_STEP: StepKind = defineStep<AttachTapStep>({
  kind: "attach-tap",
  check: () => checkAttach,
  // A tap that was there before is moved back whatever stays of later steps.
  traits: ({ from }) => from === null ? FOR_QEMU : ON_NODE,
  async do({ tap, from, to, failure }, world) {
    const { joinNetwork, leaveNetwork } = await networks();
    const name = nameOf(tap, world) ?? world.value(TAP_VALUE);
    if (from !== null) {
      try {
        await leaveNetwork(name, from);
      } catch (error) {
        if (failure !== "told") throw error;
        world.leave(leftOn(name, error));
      }
    }
    if (to !== null) await joinNetwork(name, to);
  },
  async undo({ tap, from, to }, world) {
    const name = nameOf(tap, world);
    if (name === undefined) return;
    const { joinNetwork, leaveNetwork } = await networks();
    if (to !== null) await leaveNetwork(name, to);
    // With the NIC that had it, the old tap is gone: nothing joins it again.
    const isThere = interfaceExists(name);
    if (from !== null && isThere) await joinNetwork(name, from);
  },
  confirm: effectOf,
  describe: ({ tap, from, to }) => ({
    step: to === null
      ? `take ${titleOf(tap)} off the network`
      : from === null
      ? `join ${titleOf(tap)} to the network`
      : `move ${titleOf(tap)} to another network`,
    qmp: null,
    host: actionOf(from, to),
    undo: actionOf(to, from),
  }),
});
