/**
 * A plan read back from a journal, checked word by word as if it came from the
 * command line: paths must be those of the instance, ids of their grammar, and
 * every command one that a plan of ours has. What is refused here is not done.
 *
 * @module
 */

import { allFdNames } from "../device/nic.ts";
import { isUuid } from "../device/select.ts";
import { isJson, type Json } from "../qmp/message.ts";
import type { InstancePaths } from "../state/instance.ts";
import { parseJson } from "../state/json.ts";
import { checkDevice, checkProcess } from "../state/own_check.ts";
import { isLeftover, isStagedName } from "./leftover.ts";
import { ACCESS_CHECKS } from "../disk/way_steps.ts";
import { DISK_CHECKS } from "../disk/change_steps.ts";
import { SCSI_CHECKS } from "../disk/scsi_steps.ts";
import { deviceArguments, nodeArguments, tapArguments } from "./qmp_steps.ts";
import { ID, NIC_CHECKS, TAP, tapName } from "../nic/steps.ts";
import type { Step } from "./verbs.ts";
import {
  absolute,
  accepted,
  anything,
  type Check,
  dictionary,
  LINE,
  object,
  orNull,
  text,
  whole,
  word,
} from "./value_check.ts";

const id = text(ID);
const uuid: Check = (value) => typeof value === "string" && isUuid(value);

/** What each command of a plan takes; others are in no plan. */
const ARGUMENTS: Readonly<Record<string, (args: Json) => boolean>> = {
  "add-fd": object({ "fdset-id": whole(0, 2 ** 31), "opaque": text(LINE) }),
  "remove-fd": object({ "fdset-id": whole(0, 2 ** 31) }),
  "blockdev-add": (args) => nodeArguments(args, id),
  "blockdev-del": object({ "node-name": id }),
  "getfd": object({ fdname: id }),
  "closefd": object({ fdname: id }),
  "netdev_add": (args) => tapArguments(args, id),
  "netdev_del": object({ id }),
  "device_add": (args) => deviceArguments(args, id),
  "device_del": object({ id }),
  "set_link": object({ name: id, up: word(true, false) }),
};

/** The command that takes each one back, and no other does. */
const UNDO: Readonly<Record<string, string>> = {
  "add-fd": "remove-fd",
  "blockdev-add": "blockdev-del",
  "getfd": "closefd",
  "netdev_add": "netdev_del",
  "device_add": "device_del",
  "set_link": "set_link",
};

/** The arguments by which a command names what it is about. */
const NAMES = ["fdset-id", "node-name", "fdname", "id", "name"];

function command(value: unknown): boolean {
  if (!isJson(value) || typeof value.execute !== "string") return false;
  if (!Object.hasOwn(ARGUMENTS, value.execute)) return false;
  const fits = ARGUMENTS[value.execute];
  return isJson(value.arguments) && fits !== undefined && fits(value.arguments);
}

function undoes(undo: unknown, step: Json): boolean {
  if (undo === null) return true;
  if (!command(undo) || !isJson(undo)) return false;
  const [mine, theirs] = [undo.arguments as Json, step.arguments as Json];
  return undo.execute === UNDO[String(step.execute)] &&
    NAMES.every((name) => mine[name] === theirs[name]);
}

function qmpStep(value: unknown): boolean {
  const fields = {
    kind: anything,
    execute: anything,
    arguments: anything,
    undo: anything,
  };
  return object(fields, { fd: text(/^[a-z:0-9-]{1,32}$/) })(value) &&
    command(value) && isJson(value) && undoes(value.undo, value);
}

const LIST = word("disks", "nics");

const jsonText = accepted((one) => parseJson(String(one)));

const linkChange = object({ uuid, link: absolute });
const linkChanges: Check = (value) =>
  Array.isArray(value) && value.every((one) => linkChange(one));

/** All that a plan adds to a VM's command line. */
const CONTROLLER =
  /^[a-z0-9-]{1,31},id=scsi,bus=[A-Za-z][A-Za-z0-9._-]{0,63},addr=0x[01]?[0-9a-f]$/;

const controllerWords: Check = (value) =>
  Array.isArray(value) && value.length === 2 && value[0] === "-device" &&
  text(CONTROLLER)(value[1]);

function change(value: unknown): boolean {
  if (!isJson(value)) return false;
  const was = { was: jsonText };
  const more = { ...was, words: controllerWords };
  const entry = { change: anything, list: LIST, uuid };
  switch (value.change) {
    case "upgrade":
      return object({ change: anything }, was)(value);
    case "links":
      return object({ change: anything, links: linkChanges }, was)(value);
    case "delete":
      return object(entry, more)(value);
    case "hvinfo":
      return object({ ...entry, hvinfo: jsonText }, was)(value);
    case "size":
      return object({ ...entry, size: whole(0, 2 ** 43) }, was)(value);
    case "entry":
      return object({ ...entry, entry: jsonText }, was)(value);
    case "members": {
      const members = dictionary(/^[a-z0-9_]{1,64}$/, orNull(jsonText));
      return object({ ...entry, members }, was)(value);
    }
    case "insert":
      return object(
        { ...entry, entry: jsonText },
        { ...more, index: whole(0, 1e6) },
      )(value);
  }
  return false;
}

const SEQ = /^\d{1,3}$/;
/** Ganeti's links to the disks of one instance. */
const linkName = (instance: string): RegExp =>
  new RegExp(`^${instance.replaceAll(".", "\\.")}:\\d{1,4}$`);

/** A check for each kind of step. */
function checksFor(
  paths: InstancePaths,
): { readonly [K in Step["kind"]]: Check } {
  const kind = anything;
  const made = {
    kind,
    path: word(paths.runtime),
    temporary: (value: unknown) => isStagedName(value, paths),
  };
  const staged = { ...made, change };
  const title = text(LINE);
  const names = allFdNames();
  const device = accepted((one) => checkDevice(one, "device"));
  return {
    "qmp": qmpStep,
    "unplug": object(
      { kind, id, title, runState: text(LINE) },
      {
        requestedAt: text(LINE),
        putBack: (value) =>
          Array.isArray(value) && value.every((one) => command(one)),
      },
    ),
    "verify-device": object({ kind, id, slot: whole(0, 31) }),
    ...SCSI_CHECKS,
    "drop-drive": object({ kind, drive: text(LINE) }),
    "drop-node": object({ kind, name: text(LINE) }),
    "create-state": object({ ...made, text: jsonText }),
    "open-source": object({
      kind,
      path: absolute,
      identity: text(LINE),
      access: word("rw", "ro"),
      direct: word(true, false),
    }, { pin: text(/^[a-z0-9:-]{1,32}$/) }),
    "nic-files": object({
      kind,
      directory: word(paths.nicDir ?? "none"),
      directoryWas: word("there", "missing"),
      before: dictionary(SEQ, text(LINE)),
      after: dictionary(SEQ, tapName),
    }),
    "disk-links": object({
      kind,
      directory: word(`${paths.runDir}/instance-disks`),
      before: dictionary(linkName(paths.name), orNull(text(LINE))),
      after: dictionary(linkName(paths.name), orNull(text(LINE))),
    }),
    "await-release": object({
      kind,
      pid: whole(1, 2 ** 22),
      identity: text(LINE),
    }),
    "await-tap-gone": object({ kind, tap: text(TAP) }),
    "stage-state": object(staged),
    "commit-state": object({ ...staged, inverse: change }),
    ...ACCESS_CHECKS,
    ...DISK_CHECKS,
    ...NIC_CHECKS,
    "remove-leftover": object({
      kind,
      path: (value) => isLeftover(value, paths),
    }),
    "drop-fd-names": object({
      kind,
      names: (value) =>
        Array.isArray(value) && value.every((one) => names.includes(one)),
    }),
    "own-record": object({
      kind,
      place: object(
        { runDir: word(paths.runDir), lockKey: word(paths.lockKey) },
      ),
      qemu: orNull(accepted((one) => checkProcess(one, "qemu"))),
      change: object({ uuid, before: orNull(device), after: orNull(device) }),
    }, { holder: whole(1, 2 ** 22) }),
  };
}

/** What is wrong with a step, undefined if it is one of ours. */
export function stepFault(
  step: unknown,
  paths: InstancePaths,
): string | undefined {
  if (!isJson(step)) return "a step must be an object";
  const checks: Readonly<Record<string, Check>> = checksFor(paths);
  const kind = String(step.kind);
  if (!Object.hasOwn(checks, kind)) return `no kind of step: ${kind}`;
  if (checks[kind]?.(step)) return undefined;
  return `step ${kind} is not one that a plan of this instance has`;
}
