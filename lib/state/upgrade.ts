/**
 * Brings runtime files of every Ganeti since 2.7 to the current form: SPEC 2.4,
 * with the bugs of its items 1 and 5 mended. Pure: the same file gives the same
 * result every time. Therefore a list, a dry run and a change that is made
 * again on newer content name the same devices.
 *
 * @module
 */

import { withHvinfo, withNew } from "./entry_object.ts";
import { fnv1a } from "./hash.ts";
import {
  formatJson,
  type JsonArray,
  type JsonNode,
  jsonNode,
  type JsonObject,
  member,
  type Plain,
  stringMember,
} from "./json.ts";
import {
  memberText,
  splice,
  withItem,
  withItems,
  withMember,
} from "./json_splice.ts";

/** A document is JSON, but not a runtime file; says where and why. */
export class RuntimeFormError extends Error {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "RuntimeFormError";
}

/** The kinds of devices, with the hvparam and the driver of each. */
const KINDS = {
  nic: { param: "nic_type", virtio: "virtio-net-pci" },
  disk: { param: "disk_type", virtio: "virtio-blk-pci" },
} as const;

type Kind = keyof typeof KINDS;

/** The data on which the rules for one device depend. */
interface Context {
  readonly kind: Kind;
  /** Place in its list. */
  readonly index: number;
  readonly root: JsonArray;
}

function text(value: Plain): string {
  return formatJson(jsonNode(value));
}

/** QEMU's driver for Ganeti's word in the hvparams. */
function driverOf({ kind, root }: Context): string {
  const { param, virtio } = KINDS[kind];
  const hvparams = root.items[2] ?? jsonNode({});
  const word = stringMember(hvparams, param) ?? "paravirtual";
  return word === "paravirtual" ? virtio : word;
}

function slotOf(pci: JsonNode, { kind, index }: Context): number {
  const slot = pci.type === "number" ? pci.value : NaN;
  if (Number.isInteger(slot) && slot >= 0 && slot <= 31) return slot;
  const what = kind === "disk" ? "disk" : "NIC";
  throw new RuntimeFormError(
    `pci of ${what} ${index} must be a slot from 0 to 31: it is ${
      pci.type === "number" ? pci.text : pci.type
    }`,
  );
}

/** Ganeti 2.10 to 2.15 wrote only the slot of a paravirtual device. */
function hvinfoOfSlot(device: JsonObject, pci: JsonNode, context: Context) {
  const slot = slotOf(pci, context);
  const uuid = stringMember(device, "uuid");
  return text({
    driver: driverOf(context),
    ...(uuid === undefined
      ? {}
      : { id: `hot${context.kind}-${uuid.split("-")[0]}-pci-${slot}` }),
    addr: `0x${slot.toString(16)}`,
    bus: "pci.0",
  });
}

function upgradePci(device: JsonObject, context: Context): JsonObject {
  const pci = member(device, "pci");
  if (pci === undefined || pci.type === "null") {
    return withHvinfo(device, context.kind, "{}");
  }
  const at = device.members.findLastIndex((one) => one.key === "pci");
  const hvinfo = hvinfoOfSlot(device, pci, context);
  const insert = [memberText(device, "hvinfo", hvinfo)];
  return splice(device, { at, remove: 1, insert });
}

/** Betas of 2.16 omitted the driver of devices that they upgraded. */
function withDriver(
  device: JsonObject,
  hvinfo: JsonObject,
  context: Context,
): JsonObject {
  const insert = [memberText(hvinfo, "driver", text(driverOf(context)))];
  const whole = splice(hvinfo, { at: 0, insert });
  return withMember(device, "hvinfo", formatJson(whole));
}

/** Whether an object has QEMU's data of a device, but not its driver. */
function lacksDriver(hvinfo: JsonNode): hvinfo is JsonObject {
  return hvinfo.type === "object" && hvinfo.members.length > 0 &&
    member(hvinfo, "driver") === undefined;
}

function upgradeDevice(device: JsonNode, context: Context): JsonNode {
  if (device.type !== "object") return device;
  const hvinfo = member(device, "hvinfo");
  if (hvinfo === undefined) {
    // Ganeti 3.2: not a device of the guest.
    const firmware = stringMember(device, "role") === "firmware";
    return firmware ? device : upgradePci(device, context);
  }
  if (!lacksDriver(hvinfo)) return device;
  return withDriver(device, hvinfo, context);
}

/**
 * A uuid for a NIC without one, from Ganeti before 2.8. Ganeti makes a random
 * uuid at each read; this uuid is the same until it is written.
 */
function uuidFor(nic: JsonNode, root: JsonArray, index: number): string {
  const [command] = root.items;
  const seed = `${index} ${formatJson(nic)} ${command && formatJson(command)}`;
  const hex = [fnv1a(seed), fnv1a(`${seed} `)]
    .map((half) => half.toString(16).padStart(16, "0")).join("");
  // Version 8 of RFC 9562: the bits may be chosen freely.
  const groups = /^(.{8})(.{4}).(.{3}).(.{3})(.{12})/.exec(hex);
  return groups === null
    ? hex
    : `${groups[1]}-${groups[2]}-8${groups[3]}-8${groups[4]}-${groups[5]}`;
}

function upgradeNic(node: JsonNode, root: JsonArray, index: number): JsonNode {
  if (node.type !== "object") return node;
  const nic = member(node, "uuid") !== undefined ? node : withNew(node, {
    key: "uuid",
    value: text(uuidFor(node, root, index)),
    next: [],
  });
  return upgradeDevice(nic, { kind: "nic", index, root });
}

/** A disk's entry: `[disk, link, uri]`; the first 2.10 had no URIs. */
function upgradeDisk(node: JsonNode, root: JsonArray, index: number): JsonNode {
  if (node.type !== "array") return node;
  const [disk] = node.items;
  if (disk === undefined) return node;
  const upgraded = upgradeDevice(disk, { kind: "disk", index, root });
  const entry = upgraded === disk ? node : withItem(node, 0, upgraded);
  return entry.items.length === 2
    ? splice(entry, { at: 2, insert: ["null"] })
    : entry;
}

/** Ganeti 2.16 to 3.0 wrote `default`, which QEMU does not accept. */
function upgradeHvparams(node: JsonNode): JsonNode {
  if (node.type !== "object") return node;
  const discard = member(node, "disk_discard");
  const fits = discard === undefined || discard.type === "string" &&
      ["ignore", "unmap"].includes(discard.value);
  return fits ? node : withMember(node, "disk_discard", text("ignore"));
}

// QEMU options that Ganeti wrote once and QEMU has removed: SPEC 2.4, items 4
// and 5.

/** An option word, its value, and their replacement. */
interface Rewrite {
  readonly option: string;
  /** The number of words, with its value. */
  readonly words: 1 | 2;
  /** Undefined: the option stays. */
  readonly become: (value: string) => readonly string[] | undefined;
}

/**
 * Keeps the text after the first word: `virtio,id=b` → `virtio-balloon,id=b`.
 */
function balloon(value: string): string[] | undefined {
  const [model, ...options] = value.split(",");
  return model === "virtio"
    ? ["-device", ["virtio-balloon", ...options].join(",")]
    : undefined;
}

/**
 * TLS became an object of its own, which must come before the option that uses
 * it.
 */
function vnc(value: string): string[] | undefined {
  const words = value.split(",");
  const path = (key: string) =>
    words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
  const [verified, unverified] = [path("x509verify"), path("x509")];
  if (!words.includes("tls")) return undefined;
  const folder = verified ?? unverified;
  const kind = folder === undefined ? "tls-creds-anon" : "tls-creds-x509";
  const object = [
    kind,
    "id=vnctls0",
    "endpoint=server",
    ...(folder === undefined ? [] : [
      `dir=${folder}`,
      `verify-peer=${verified === undefined ? "no" : "yes"}`,
    ]),
  ];
  const rest = words.filter((word) => !/^x509(?:verify)?=/.test(word))
    .map((word) => word === "tls" ? "tls-creds=vnctls0" : word);
  return ["-object", object.join(","), "-vnc", rest.join(",")];
}

const REWRITES: readonly Rewrite[] = [
  {
    option: "-localtime",
    words: 1,
    become: () => ["-rtc", "base=localtime"],
  },
  { option: "-balloon", words: 2, become: balloon },
  { option: "-vnc", words: 2, become: vnc },
  // Ganeti 3.1 adds it at each start instead.
  { option: "-chroot", words: 2, become: () => [] },
];

function wordOf(node: JsonNode | undefined): string | undefined {
  return node?.type === "string" ? node.value : undefined;
}

/** Options with any text as value, even a text that looks like an option. */
const FREE_TEXT = ["-append", "-name"];

function rewriteAt(list: JsonArray, at: number): JsonArray {
  const rewrite = REWRITES.find(({ option }) =>
    option === wordOf(list.items[at])
  );
  if (rewrite === undefined) return list;
  const value = rewrite.words === 1 ? "" : wordOf(list.items[at + 1]);
  const words = value === undefined ? undefined : rewrite.become(value);
  if (words === undefined) return list;
  const insert = words.map((word) => text(word));
  return splice(list, { at, remove: rewrite.words, insert });
}

/** The fixed part of QEMU's command line in its current words. */
export function upgradeCommand(node: JsonNode): JsonNode {
  if (node.type !== "array") return node;
  let after = node;
  // Backwards: a replacement moves only words that were already handled.
  for (let at = node.items.length - 1; at >= 0; at--) {
    if (FREE_TEXT.includes(wordOf(node.items[at - 1]) ?? "")) continue;
    after = rewriteAt(after, at);
  }
  return after;
}

type Rule = (node: JsonNode, root: JsonArray, index: number) => JsonNode;

function upgradeItems(list: JsonNode, root: JsonArray, rule: Rule): JsonNode {
  if (list.type !== "array") return list;
  const items = list.items.map((item, index) => rule(item, root, index));
  return withItems(list, items);
}

/** One rule for each element of the file. */
const ELEMENTS: readonly Rule[] = [
  upgradeCommand,
  (list, root) => upgradeItems(list, root, upgradeNic),
  upgradeHvparams,
  (list, root) => upgradeItems(list, root, upgradeDisk),
];

/** The upgraded document; a change needs it more than once. */
const upgraded = new WeakMap<JsonArray, JsonArray>();

/**
 * A runtime file's document in the form of Ganeti 3.1. A document that is not a
 * runtime file is returned unchanged: its reader will refuse it.
 *
 * @returns `root` itself if it has that form already
 * @throws {RuntimeFormError} if a slot is not valid
 */
export function upgradeRuntime(root: JsonArray): JsonArray {
  const known = upgraded.get(root) ?? upgrade(root);
  upgraded.set(root, known);
  return known;
}

function upgrade(root: JsonArray): JsonArray {
  let after = root;
  for (const [place, rule] of ELEMENTS.entries()) {
    const item = root.items[place];
    const current = item && rule(item, root, place);
    if (current === undefined || current === item) continue;
    after = withItem(after, place, current);
  }
  // Ganeti before 2.10 kept the disks in kvm_cmd.
  if (after.items.length !== 3) return after;
  return splice(after, { at: 3, insert: ["[]"] });
}
