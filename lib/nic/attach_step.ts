/**
 * The step that connects a tap to this node's network, or disconnects it.
 *
 * @module
 */

import { messageOf, type Remark, remark } from "../errors.ts";
import {
  type Attachment,
  hangsOn,
  joinNetwork,
  leaveNetwork,
} from "../host/attachment.ts";
import { ATTACH_MODES, INTERFACE_NAME } from "../host/network_words.ts";
import { interfaceExists, isPersistent } from "../host/tap.ts";
import { FOR_QEMU, ON_NODE, stepCheck } from "../engine/verbs.ts";
import { defineStep, type World } from "../engine/world.ts";
import {
  absolute,
  dictionary,
  LINE,
  object,
  type Of,
  orNull,
  text,
  where,
  word,
} from "../state/value_check.ts";
import { BACK_TAP, TAP_VALUE, type TapName, tapName } from "./tap_steps.ts";

const attachmentForm = object({
  mode: word(...ATTACH_MODES),
  link: orNull(text(LINE)),
  vlan: orNull(text(/^(?:[.:]?\d{1,4}(?::\d{1,4})*)?$/)),
  ip: orNull(text(/^[0-9A-Fa-f.:]{2,45}$/)),
  script: orNull(object({
    path: absolute,
    down: orNull(absolute),
    environment: dictionary(
      /^[A-Z][A-Z0-9_]*$/,
      (one): one is string => typeof one === "string",
    ),
  })),
});

/** A connection; only a script takes a link that is not an interface. */
export const attachment = where(
  attachmentForm,
  ({ script, link }) => script !== null || orNull(text(INTERFACE_NAME))(link),
);

/** Moves a tap from one connection to another. */
const checkAttachTap = stepCheck("attach-tap", {
  tap: tapName,
  // Null: the tap is new.
  from: orNull(attachment),
  // Null: the tap is removed.
  to: orNull(attachment),
}, {
  // The tap is removed whatever its network says; without this, a failure there
  // fails the step.
  failure: word("told"),
});

/** Moves a tap from one connection to another. */
export type AttachTapStep = Of<typeof checkAttachTap>;

/**
 * A new tap has no name before it is made; an old one may come back with
 * another name.
 */
function nameOf(tap: TapName, world: World): string | undefined {
  return typeof tap === "string"
    ? world.values.get(BACK_TAP) ?? tap
    : world.values.get(TAP_VALUE);
}

function titleOf(tap: TapName): string {
  return typeof tap === "string" ? `tap ${tap}` : "the tap";
}

function whereTo({ mode, link, script, ip, vlan }: Attachment): string {
  if (script !== null) return `run ${script.path} TAP`;
  const tagged = vlan ? `, VLAN ${vlan}` : "";
  const table = link === null ? "" : `, table ${link}`;
  return {
    bridged:
      `ip link: address fe:…, MTU of ${link}, master ${link}, up${tagged}`,
    routed: `ip route: ${ip} by the tap${table}, proxy and forwarding on`,
    openvswitch: `ovs-vsctl: add it to ${link}${tagged}`,
    none: "nothing",
    ext: "nothing",
  }[mode];
}

function offOf({ mode, link, script }: Attachment): string {
  const down = script?.down == null ? [] : [`run ${script.down} TAP`];
  const words = {
    bridged: ["ip link: no master"],
    routed: ["ip route, ip rule: without the tap"],
    openvswitch: [`ovs-vsctl: remove it from ${link}`],
    none: [],
    ext: [],
  }[mode];
  return [...down, ...words].join("; ") || "nothing";
}

/** One line for the actions between the two connections. */
function actionOf(from: Attachment | null, to: Attachment | null): string {
  const parts = [from && offOf(from), to && whereTo(to)]
    .filter((part) => part && part !== "nothing");
  return parts.join("; ") || "nothing";
}

/**
 * The owner of the tap with this name. A tap disappears with its QEMU, unless
 * it was made to stay; its name is then free, and may be given to a tap of
 * another VM.
 */
function ownerOf(tap: string, world: World): "us" | "nobody" | "another" {
  if (!interfaceExists(tap)) return "nobody";
  return world.hasQemu || isPersistent(tap) ? "us" : "another";
}

/**
 * Disconnects a tap, or removes its rest on the network once the tap is gone.
 */
async function takeOff(
  tap: string,
  { world, from, failure }: {
    readonly world: World;
    readonly from: Attachment;
    readonly failure?: "told" | undefined;
  },
): Promise<void> {
  const owner = ownerOf(tap, world);
  if (owner === "another") return;
  try {
    await leaveNetwork(tap, from);
  } catch (error) {
    if (owner === "us" && failure !== "told") throw error;
    world.leave(leftOn(tap, error));
  }
}

/** The tap is removed or gone, whatever is left of its connection. */
function leftOn(tap: string, error: unknown): Remark {
  return remark(
    "network-left",
    `The network settings of tap ${tap} may not be removed completely: ${
      messageOf(error)
    }`,
    { hint: "check the bridge, routes and rules of this tap on the node" },
  );
}

/** The step on a tap's network. */
export const ATTACH_TAP_STEP = defineStep({
  check: checkAttachTap,
  // A tap that existed before is moved back whatever is left of later steps.
  traits: ({ from }) => from === null ? FOR_QEMU : ON_NODE,
  async do({ tap, from, to, failure }, world) {
    const name = nameOf(tap, world) ?? world.value(TAP_VALUE);
    if (from !== null) await takeOff(name, { world, from, failure });
    if (to !== null) await joinNetwork(name, to);
  },
  async undo({ tap, from, to }, world) {
    const name = nameOf(tap, world);
    if (name === undefined) return;
    if (to !== null) await takeOff(name, { world, from: to });
    if (from !== null && ownerOf(name, world) === "us") {
      await joinNetwork(name, from);
    }
  },
  confirm({ tap, to }, world) {
    const name = nameOf(tap, world);
    // Without the tap there is no connection, and none can be made.
    if (name === undefined) return to === null;
    // Once the tap is gone, its connection is unknown.
    if (to === null || ownerOf(name, world) !== "us") return "unknown";
    return hangsOn(name, to) ?? "unknown";
  },
  describe: ({ tap, from, to }) => ({
    step: to === null
      ? `remove ${titleOf(tap)} from the network`
      : from === null
      ? `connect ${titleOf(tap)} to the network`
      : `move ${titleOf(tap)} to another network`,
    host: actionOf(from, to),
    undo: actionOf(to, from),
  }),
});
