/**
 * The connection of a NIC's tap to this node's network, and its obstacles.
 * Pure.
 *
 * @module
 */

import type { Nic, RecordedNic } from "../device/nic.ts";
import { expectLines, networkVariables } from "../device/netinfo.ts";
import {
  HotplugError,
  refuse,
  type Remark,
  remark,
  unsupported,
} from "../errors.ts";
import type { Attachment } from "../host/attachment.ts";
import {
  isInterfaceName,
  isIpAddress,
  isLine,
  isVlan,
  NIC_MODES,
  SCRIPT_MODES,
} from "../host/network_words.ts";
import { parseVlans } from "../host/vlan.ts";
import { parseJson } from "../state/json.ts";
import type { NicAddFacts } from "./add_facts.ts";
import type { GanetiNic, NicAdd } from "./request.ts";
import type { TapName } from "./tap_steps.ts";
import type { NicStep } from "./steps.ts";

/** The future connection of a NIC. */
type Joined = Pick<Nic, "mode" | "link" | "vlan" | "ip" | "script">;

/** Ganeti's own network script, and the program that undoes it. */
export type ScriptFacts = Partial<
  Pick<NicAddFacts, "ganetiScript" | "ganetiDown">
>;

/** The longest link in a journal. */
const MAX_LINK = 4096;

/** The form of each word, and its check. */
const FORMS = {
  link: ["1 to 15 letters, digits, '.', '_' and '-'", isInterfaceName],
  vlan: ["a VLAN such as 100, .100 or :100:200", isVlan],
  ip: ["an IPv4 or IPv6 address", isIpAddress],
} as const;

/** A script may know links that are not interfaces. */
const SCRIPT_LINK = [
  "one line of text",
  (text: string) => text.length <= MAX_LINK && isLine(text),
] as const;

/**
 * The words of a NIC's network that do not have their form: they may come from
 * any instance's runtime file.
 *
 * @param words.script undefined or null: the node's own tools read them
 */
function unfitWords(
  words:
    & { readonly [K in keyof typeof FORMS]?: string | null | undefined }
    & { readonly script?: unknown },
) {
  return (["link", "vlan", "ip"] as const).flatMap((key) => {
    const text = words[key];
    const [accepted, fits] = key === "link" && words.script != null
      ? SCRIPT_LINK
      : FORMS[key];
    if (!text || fits(text)) return [];
    return [{
      key,
      what: `must be ${accepted}, it is ${JSON.stringify(text)}`,
    }];
  });
}

/**
 * Refuses to change a NIC that could not be connected again to its recorded
 * network.
 *
 * @throws {HotplugError} `refused`
 */
export function refuseRecorded(from: Attachment): void {
  const [fault] = unfitWords(from);
  if (fault === undefined) return;
  throw refuse(
    `Cannot undo a change of the NIC: its recorded ${fault.key} ${fault.what}`,
    "correct the NIC's entry in the runtime file, or remove the NIC",
  );
}

/**
 * A connection without the words that do not have their form: such words cannot
 * have connected anything, and no journal can contain them.
 */
export function withoutUnfit(on: Attachment): Attachment {
  const none = unfitWords(on).map(({ key }) => [key, null]);
  return { ...on, ...Object.fromEntries(none) };
}

/** The needs of the built-in set-up. */
function refuseBuiltIn(facts: NicAddFacts, nic: Joined): void {
  const { mode, link, vlan, ip } = nic;
  if (SCRIPT_MODES.some((one) => one === mode)) {
    throw unsupported(
      `NIC mode ${mode} needs a network script; modes without a script: ${
        NIC_MODES.join(", ")
      }`,
      "give one with --script, or install Ganeti's",
    );
  }
  if (mode === "routed" && ip === undefined) {
    throw refuse(
      "Mode routed needs the guest's IP address",
      "give the address with --ip",
    );
  }
  if (vlan && parseVlans(vlan) === undefined) {
    throw refuse(`VLAN ${vlan} is not valid: a VLAN id is 1 to 4094`);
  }
  if (vlan && mode === "bridged" && !facts.vlanFiltering) {
    throw refuse(
      `Bridge ${link} ignores VLANs: its vlan_filtering is 0`,
      `ip link set ${link} type bridge vlan_filtering 1`,
    );
  }
  if (mode === "openvswitch") refuseSwitch(facts, link);
}

function refuseSwitch({ ovs }: NicAddFacts, link: string | undefined): void {
  if (ovs === "no-tool") {
    throw unsupported(
      "Mode openvswitch needs Open vSwitch: there is no program ovs-vsctl",
      "install openvswitch-switch, or give a network script with --script",
    );
  }
  if (ovs === "missing") {
    throw refuse(`${link} is not a switch of Open vSwitch on this node`);
  }
  if (ovs === "there") return;
  throw refuse(
    `Cannot ask Open vSwitch for switch ${link}: ${ovs.unreachable}`,
    "to start it, run: systemctl start openvswitch-switch",
  );
}

/** The script to run; Ganeti's own does not know mode `none`. */
function scriptOf(
  { ganetiScript }: ScriptFacts,
  { mode, script }: Pick<Joined, "mode" | "script">,
): string | undefined {
  return script ?? (mode === "none" ? undefined : ganetiScript);
}

/**
 * Refuses a network that this node does not have.
 *
 * @throws {HotplugError} `refused` | `unsupported`
 */
export function refuseNetwork(facts: NicAddFacts, nic: Joined): void {
  const script = scriptOf(facts, nic);
  const [fault] = unfitWords({ ...nic, script });
  if (fault !== undefined) {
    throw refuse(
      `Cannot connect the NIC to its network: its ${fault.key} ${fault.what}`,
      `give another value with --${fault.key}`,
    );
  }
  if (nic.mode === "bridged" && !facts.bridgeExists) {
    throw refuse(
      `${nic.link} is not a bridge on this node (bridges: ${
        facts.bridges.join(", ") || "none"
      })`,
      "name an existing bridge with --link, or use --mode none",
    );
  }
  if (nic.script !== undefined && !facts.scriptUsable) {
    throw refuse(
      `Network script ${nic.script} is not an executable file on this node`,
    );
  }
  if (script === undefined) refuseBuiltIn(facts, nic);
}

/**
 * Refuses a NIC with which Ganeti's start, and a migration, would fail, because
 * its script needs another script for each mode (SPEC 13).
 *
 * @throws {HotplugError} `refused`
 */
export function refuseUnstartable(
  { modeScript, content }: Pick<NicAddFacts, "modeScript" | "content">,
  { mode }: Pick<Nic, "mode">,
  migratable: NicAdd["migratable"],
): void {
  if (modeScript === undefined || modeScript.isThere) return;
  const missing = `there is no script ${modeScript.path}`;
  if (mode === "ext") {
    throw refuse(
      `Mode ext is set up by the administrator's own script, and ${missing}`,
      "make one, or give a network script with --script",
    );
  }
  if (mode !== "none" || migratable === "not-needed") return;
  if (content.runtime.hvparams.origin === "adopt") return;
  throw new HotplugError(
    "refused",
    `Cannot add a NIC of mode none: Ganeti's start, and a migration, would fail with it, for ${missing}`,
    {
      hint:
        `make ${modeScript.path} on each node, a script that may do nothing; or use --not-migratable`,
      lacks: ["--not-migratable"],
    },
  );
}

/** The warning about a NIC that the user accepts. */
export function unstartable(
  { modeScript }: Pick<NicAddFacts, "modeScript">,
): Remark | undefined {
  if (modeScript === undefined || modeScript.isThere) return undefined;
  return remark(
    "not-migratable",
    "Ganeti cannot start or migrate the instance with this NIC",
  );
}

/** The NIC of a connection, for a network script. */
interface Attached {
  readonly uuid: string;
  readonly index: number;
  /** Only from a master. */
  readonly ganeti?: GanetiNic | undefined;
}

/**
 * The environment that Ganeti gives its network script: SPEC 6.1. A master has
 * more data for it than a command line.
 */
function scriptEnvironment(
  instance: string,
  { name, mac, mode, link, vlan, ip, network, netinfo }: RecordedNic,
  { uuid, index, ganeti }: Attached,
): Record<string, string> {
  return expectLines({
    INSTANCE: instance,
    MAC: mac,
    MODE: mode,
    INTERFACE_INDEX: String(ganeti?.seq ?? index),
    INTERFACE_UUID: uuid,
    TAGS: "",
    ACTION: "up",
    // A master's NIC without the parameter has no such variable.
    ...(ganeti === undefined ? { VLAN: vlan ?? "" } : {}),
    ...(name ? { INTERFACE_NAME: name } : {}),
    ...(ip ? { IP: ip } : {}),
    ...(link ? { LINK: link } : {}),
    ...(link && mode === "bridged" ? { BRIDGE: link } : {}),
    ...(network ? { NETWORK_UUID: network } : {}),
    ...(network && netinfo ? networkVariables(parseJson(netinfo)) : {}),
    ...ganeti?.environment,
  });
}

/**
 * The connection of a NIC's tap, and the program that makes it.
 *
 * @throws {HotplugError} `refused` if a script cannot get the data of the NIC
 */
export function attachmentOf(
  facts: ScriptFacts & Pick<NicAddFacts, "paths">,
  nic: RecordedNic & Pick<Nic, "script">,
  of: Attached,
): Attachment {
  const { mode, link, vlan, ip = null, script } = nic;
  const path = scriptOf(facts, nic);
  const down = script === undefined ? facts.ganetiDown ?? null : null;
  return {
    mode,
    link: link || null,
    vlan: vlan || null,
    ip,
    script: path === undefined ? null : {
      ...{ path, down },
      environment: scriptEnvironment(facts.paths.name, nic, of),
    },
  };
}

/** Whether something stays on the node when the tap is gone: SPEC 6.4. */
export function outlives({ mode, script }: Attachment): boolean {
  return ["routed", "openvswitch"].includes(mode) || script?.down != null;
}

/** The step that connects a new tap; none for a tap without a connection. */
export function joinSteps(tap: TapName, to: Attachment): NicStep[] {
  if (to.mode === "none" && to.script === null) return [];
  return [{ kind: "attach-tap", tap, from: null, to }];
}
