/**
 * The step that joins a tap to this node's network, or takes it off.
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

/** What a tap hangs on; only a script takes a link that is no interface. */
export const attachment = where(
  attachmentForm,
  ({ script, link }) => script !== null || orNull(text(INTERFACE_NAME))(link),
);

/** Moves a tap from what it hangs on to something else. */
const checkAttachTap = stepCheck("attach-tap", {
  tap: tapName,
  // Null: it is new.
  from: orNull(attachment),
  // Null: it goes.
  to: orNull(attachment),
}, {
  // It goes whatever its network says; without it, that fails the step.
  failure: word("told"),
});

/** Moves a tap from what it hangs on to something else. */
export type AttachTapStep = Of<typeof checkAttachTap>;

/** A new tap has no name before it was made; an old one may come back by another. */
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

/** One line for what is done on the way from one to the other. */
function actionOf(from: Attachment | null, to: Attachment | null): string {
  const parts = [from && offOf(from), to && whereTo(to)]
    .filter((part) => part && part !== "nothing");
  return parts.join("; ") || "nothing";
}

/**
 * Whose the tap of this name is. A tap goes with its QEMU, unless it was made
 * to stay: the name is then free, and may be given to a tap of another VM.
 */
function ownerOf(tap: string, world: World): "us" | "nobody" | "another" {
  if (!interfaceExists(tap)) return "nobody";
  return world.hasQemu || isPersistent(tap) ? "us" : "another";
}

/** Takes a tap off, or what is left of it on the network once it is gone. */
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

/** The tap goes or is gone, whatever stays of it. */
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
  // A tap that was there before is moved back whatever stays of later steps.
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
    // Without the tap nothing hangs on anything, and nothing can be joined.
    if (name === undefined) return to === null;
    // Once the tap is gone, nothing tells where it hung.
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
