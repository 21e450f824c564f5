/**
 * Methods with Ganeti's own encodings: they take the parameters of noded's RPC,
 * SPEC 5.2, 5.3 and 5.6.
 *
 * @module
 */

import { COMMANDS } from "../commands/commands.ts";
import type { HotplugError } from "../errors.ts";
import type { IdentityMend, Request } from "../operation/request.ts";
import { depthOf, type JsonNode, type JsonObject } from "../state/json.ts";
import type { Invocation } from "../words/options.ts";
import {
  diskIdentity,
  ganetiDiskAdd,
  ganetiDiskRemove,
} from "./ganeti_disk.ts";
import { type GanetiInstance, ganetiInstance } from "./ganeti_instance.ts";
import { ganetiNicAdd, ganetiNicModify, nicIdentity } from "./ganeti_nic.ts";
import {
  expectObject,
  textOf,
  uuidOf,
  valueOf,
  wrongValue,
} from "./ganeti_object.ts";
import { ganetiKeys, type Job } from "./invocation.ts";

/** Parameters in the order of noded's RPC, for callers that send a list. */
export const GANETI_PARAMETERS: Readonly<
  Record<GanetiMethod, readonly string[]>
> = {
  hotplug_supported: ["instance"],
  hotplug_device: ["instance", "action", "dev_type", "device", "extra", "seq"],
  resize_disk: ["instance", "disk", "new_size"],
};

/** A method of Ganeti's noded. */
export type GanetiMethod =
  | "hotplug_supported"
  | "hotplug_device"
  | "resize_disk";

/** Their names. */
export const GANETI_METHODS = Object.keys(GANETI_PARAMETERS) as GanetiMethod[];

/** Whether a method is one of Ganeti's methods. */
export function isGanetiMethod(method: string): method is GanetiMethod {
  return GANETI_METHODS.some((one) => one === method);
}

function named(
  method: GanetiMethod,
  params: JsonNode,
): JsonObject {
  if (params.type === "object") return params;
  if (params.type !== "array") {
    throw wrongValue('"params"', "an object", params);
  }
  const keys = GANETI_PARAMETERS[method];
  const members = params.items.map((value, i) => {
    const key = keys[i];
    if (key === undefined) {
      throw wrongValue('"params"', `a list of at most ${keys.length}`, params);
    }
    return { key, keyText: JSON.stringify(key), value };
  });
  return { type: "object", members };
}

const ACTIONS = ["hotadd", "hotremove", "hotmod"] as const;
type GanetiAction = typeof ACTIONS[number];
/** 2.10 to 2.15 had other words: SPEC 5.3. */
const KINDS = { disk: "disk", nic: "nic", hotdisk: "disk", hotnic: "nic" };

function actionOf(params: JsonObject): GanetiAction {
  const text = textOf(params, "action", '"params"');
  const action = ACTIONS.find((one) => one === text);
  if (action !== undefined) return action;
  throw wrongValue('"action"', ACTIONS.join(", "), valueOf(params, "action"));
}

function kindOf(params: JsonObject): "disk" | "nic" {
  const text = textOf(params, "dev_type", '"params"') ?? "";
  const found = Object.entries(KINDS).find(([word]) => word === text)?.[1];
  if (found === "disk" || found === "nic") return found;
  throw wrongValue('"dev_type"', "disk or nic", valueOf(params, "dev_type"));
}

/**
 * The object becomes a part of the runtime file, which must be readable again.
 */
const MAX_DEPTH = 32;

function deviceOf(params: JsonObject, key: "device" | "disk"): JsonObject {
  const device = expectObject(valueOf(params, key), `"${key}"`);
  if (depthOf(device) <= MAX_DEPTH) return device;
  throw wrongValue(`"${key}"`, `at most ${MAX_DEPTH} levels deep`, device);
}

/** Names of NIC files have at most three digits. */
const MAX_SEQ = 999;

function seqOf(params: JsonObject): number | undefined {
  const node = valueOf(params, "seq");
  if (node === undefined) return undefined;
  const value = node.type === "number" ? node.value : NaN;
  if (Number.isInteger(value) && value >= -1 && value <= MAX_SEQ) {
    return value < 0 ? undefined : value;
  }
  throw wrongValue('"seq"', `a number from 0 to ${MAX_SEQ}`, node);
}

/** Carries out a request with Ganeti's encodings. */
type Answering = NonNullable<Job["act"]>;

/** With the code of changes and checks: loaded at the first such request. */
const answers = () => import("./ganeti_answer.ts");

const supported: Answering = async (call) =>
  await (await answers()).hotplugSupported(call);

function changing(
  request: Request,
  instance: GanetiInstance,
  identity: IdentityMend,
): Answering {
  return async (call) =>
    await (await answers()).changeAsGaneti(
      { request, instance, identity },
      call,
    );
}

/** noded does nothing if a disk is modified: SPEC 5.3. */
function nothing(instance: string): Answering {
  const document = {
    ok: true,
    instance,
    action: "modify",
    dry_run: false,
    changed: false,
    device: null,
    settled: [],
    plan: null,
    ganeti: [true, null],
  };
  return () => Promise.resolve({ text: [], document });
}

/** The request of a call, and the command that does the same. */
interface Action {
  readonly words: string;
  readonly act: Answering;
}

function deviceAction(params: JsonObject, instance: GanetiInstance): Action {
  const [action, kind] = [actionOf(params), kindOf(params)];
  const device = deviceOf(params, "device");
  const uuid = uuidOf(device, '"device"');
  const seq = seqOf(params);
  const { name } = instance;
  switch (action) {
    case "hotadd": {
      const words = `${kind} add`;
      if (kind === "nic") {
        const request = ganetiNicAdd(instance, device, seq);
        const identity = nicIdentity(instance, device, request);
        return { words, act: changing(request, instance, identity) };
      }
      const extra = valueOf(params, "extra");
      const request = ganetiDiskAdd(instance, device, extra);
      const identity = diskIdentity(instance, device, request);
      return { words, act: changing(request, instance, identity) };
    }
    case "hotremove": {
      const request: Request = kind === "disk"
        ? ganetiDiskRemove(instance, device, seq)
        : { kind: "nic-remove", instance: name, device: uuid };
      const identity = kind === "disk"
        ? diskIdentity(instance, device)
        : nicIdentity(instance, device);
      const act = changing(request, instance, identity);
      return { words: `${kind} remove`, act };
    }
    case "hotmod": {
      if (kind === "disk") return { words: "list", act: nothing(name) };
      const request = ganetiNicModify(instance, device, seq);
      const identity = nicIdentity(instance, device);
      return {
        words: "nic modify",
        act: changing(request, instance, identity),
      };
    }
    default:
      return action satisfies never;
  }
}

function newSizeOf(params: JsonObject): number {
  const node = valueOf(params, "new_size");
  const value = node?.type === "number" ? node.value : NaN;
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw wrongValue('"new_size"', "a number of bytes", node);
}

function resizing(params: JsonObject, instance: GanetiInstance): Action {
  const disk = deviceOf(params, "disk");
  const request: Request = {
    kind: "disk-resize",
    instance: instance.name,
    device: uuidOf(disk, '"disk"'),
    sizeBytes: newSizeOf(params),
    // As QEMU does when Ganeti asks: a volume has the size that LVM made.
    fileGrowth: "allowed",
    largerDevice: "whole",
  };
  const identity = diskIdentity(instance, disk);
  return { words: "disk resize", act: changing(request, instance, identity) };
}

function actionFor(
  method: GanetiMethod,
  params: JsonObject,
  instance: GanetiInstance,
): Action {
  switch (method) {
    case "hotplug_supported":
      return { words: "check", act: supported };
    case "hotplug_device":
      return deviceAction(params, instance);
    case "resize_disk":
      return resizing(params, instance);
    default:
      return method satisfies never;
  }
}

/** The text of noded's answer. */
function failureOf(method: GanetiMethod, error: HotplugError): string {
  const hint = error.hint === undefined ? "" : ` (${error.hint})`;
  const text = `${error.message}${hint}`;
  if (method !== "hotplug_supported") return text;
  return `Hotplug is not supported: ${
    error.code === "not-running" ? "Instance is probably down" : text
  }`;
}

/**
 * The job of a request with Ganeti's encodings.
 *
 * @throws {HotplugError} `usage` | `unsupported`
 */
export function ganetiJob(
  method: GanetiMethod,
  given: JsonNode,
  base: Invocation,
): Job {
  const own = GANETI_PARAMETERS[method];
  const keys = { method, own, params: named(method, given), base };
  const { options, params } = ganetiKeys(keys);
  const instance = ganetiInstance(valueOf(params, "instance"));
  const { words, act } = actionFor(method, params, instance);
  return {
    // For the audit: the command that does the same.
    invocation: {
      command: COMMANDS.find((one) => one.name === words),
      operands: [instance.name],
      ...options,
    },
    instance: instance.name,
    act,
  };
}

/** Further members of the document of a failure. */
export function ganetiFailure(
  method: GanetiMethod,
  error: HotplugError,
): Record<string, unknown> {
  return { ganeti: [false, failureOf(method, error)] };
}
