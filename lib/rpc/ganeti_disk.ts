/**
 * The disk in a request of a master: SPEC 5.3 to 5.8.
 *
 * @module
 */

import { isUri, uriNode } from "../device/storage_uri.ts";
import { unsupported, usage } from "../errors.ts";
import type { IdentityMend } from "../operation/request.ts";
import type { DiskAdd, DiskRemove, GanetiDisk } from "../disk/request.ts";
import {
  formatJson,
  jsonArray,
  type JsonNode,
  jsonNode,
  type JsonObject,
  jsonObject,
  normalized,
  numberMember,
  stringMember,
} from "../state/json.ts";
import { pathsOf } from "../state/logical_id.ts";
import type { GanetiInstance } from "./ganeti_instance.ts";
import {
  expectObject,
  textOf,
  uuidOf,
  valueOf,
  without,
  wrongValue,
} from "./ganeti_object.ts";
import { path } from "../words/request_words.ts";

/** DRBD's shared secret: its place in `logical_id`, SPEC 2.3. */
const DRBD_SECRET = 5;

function withoutSecret(logicalId: JsonNode): JsonNode {
  if (logicalId.type !== "array") return logicalId;
  if (logicalId.items.length <= DRBD_SECRET) return logicalId;
  return jsonArray(logicalId.items.with(DRBD_SECRET, jsonNode(null)));
}

/** A Disk in the form of Ganeti's runtime file, with its children. */
function recordedDisk(disk: JsonObject): JsonObject {
  const type = stringMember(disk, "dev_type");
  const isDrbd = type === "drbd" || type === "drbd8";
  const { members } = without(disk, ["dynamic_params", "hvinfo", "pci"]);
  return jsonObject(members.map((one) => {
    if (one.key === "logical_id" && isDrbd) {
      return { ...one, value: withoutSecret(one.value) };
    }
    if (one.key !== "children" || one.value.type !== "array") return one;
    const children = one.value.items.map((child) =>
      child.type === "object" ? recordedDisk(child) : child
    );
    return { ...one, value: jsonArray(children) };
  }));
}

/** `[link, uri]`; the first 2.10 sent only the link: SPEC 5.3. */
function readExtra(extra: JsonNode | undefined): {
  link: string | undefined;
  uri: string | undefined;
} {
  const accepted = "[link, uri] for a disk that is added";
  const items = extra?.type === "array" ? extra.items : [extra];
  const [link, uri] = items.map((one) => {
    if (one === undefined || one.type === "null") return undefined;
    if (one.type === "string") return one.value;
    throw wrongValue('"extra"', accepted, extra);
  });
  return { link, uri };
}

/** The source that noded would open: SPEC 5.5. */
function sourceOf(disk: JsonObject, extra: JsonNode | undefined): string {
  const { link, uri } = readExtra(extra);
  const params = valueOf(disk, "params");
  const access = params && stringMember(params, "access");
  if (uri !== undefined && access === "userspace") {
    uriNode(uri);
    return uri;
  }
  if (link === undefined) {
    throw usage('"extra" must have a link for a disk in kernelspace');
  }
  if (link.startsWith("/")) return path({ option: "EXTRA", text: link });
  throw wrongValue('the link of "extra"', "an absolute path", jsonNode(link));
}

function ganetiDisk(
  disk: JsonObject,
  hvparams: string | undefined,
): GanetiDisk {
  const devType = textOf(disk, "dev_type", '"device"');
  if (devType === undefined) {
    throw wrongValue('"dev_type" of "device"', "a text", undefined);
  }
  return { object: formatJson(recordedDisk(disk)), devType, hvparams };
}

/**
 * The request for `hotadd` of a disk.
 *
 * @throws {HotplugError} `usage` | `unsupported`
 */
export function ganetiDiskAdd(
  instance: GanetiInstance,
  device: JsonObject,
  extra: JsonNode | undefined,
): DiskAdd {
  const disk = expectObject(normalized(device), '"device"');
  refuseFirmware(disk);
  // Ganeti plugs such a disk read-write, but its start refuses it: SPEC 10.2.
  const readOnly = textOf(disk, "mode", '"device"') === "ro";
  return {
    kind: "disk-add",
    instance: instance.name,
    uuid: { value: uuidOf(disk, '"device"'), origin: "given" },
    name: textOf(disk, "name", '"device"'),
    source: sourceOf(disk, extra),
    settings: { access: readOnly ? "ro" : "rw" },
    migratable: readOnly ? "not-needed" : "required",
    ganeti: {
      ...ganetiDisk(disk, instance.hvparams),
      link: readExtra(extra).link,
    },
  };
}

/** Such a disk is mapped into the machine at its start: SPEC 13. */
function refuseFirmware(disk: JsonObject): void {
  if (stringMember(disk, "role") !== "firmware") return;
  throw unsupported(
    "A disk with the role firmware is not a device of the guest: it cannot be added or removed",
  );
}

/** The URI of a disk in userspace, as far as its object tells it: SPEC 5.8. */
function uriOf(disk: JsonObject): string | undefined {
  const params = valueOf(disk, "params");
  const text = (key: string) => params && stringMember(params, key);
  if (params === undefined || text("access") !== "userspace") return undefined;
  const id = valueOf(disk, "logical_id");
  const [, name] = id?.type === "array" ? id.items : [];
  if (name?.type !== "string") return undefined;
  switch (stringMember(disk, "dev_type")) {
    case "rbd": {
      const user = text("user-id");
      return `rbd:${text("pool")}/${name.value}${user ? `:id=${user}` : ""}`;
    }
    case "gluster": {
      const host = text("host") ?? "";
      const where = host.includes(":") ? `[${host}]` : host;
      const port = numberMember(params, "port") ?? 24007;
      return `gluster://${where}:${port}/${text("volume")}/${name.value}`;
    }
  }
  return undefined;
}

/**
 * The request for `hotremove` of a disk. The master has decided that it may be
 * removed.
 *
 * @throws {HotplugError} `usage`
 */
export function ganetiDiskRemove(
  { name }: GanetiInstance,
  device: JsonObject,
  seq: number | undefined,
): DiskRemove {
  const disk = expectObject(normalized(device), '"device"');
  refuseFirmware(disk);
  return {
    kind: "disk-remove",
    instance: name,
    device: uuidOf(disk, '"device"'),
    bootDisk: "forced",
    volume: { paths: pathsOf(disk), uri: uriOf(disk), seq },
  };
}

/**
 * The proof that a recorded disk with another uuid is this disk: its id, and
 * the same image.
 *
 * @param added the request that records it again; undefined: it stays
 */
export function diskIdentity(
  { name }: GanetiInstance,
  device: JsonObject,
  added?: DiskAdd,
): IdentityMend {
  const disk = expectObject(normalized(device), '"device"');
  const isFar = added !== undefined && isUri(added.source);
  return {
    kind: "identity-mend",
    instance: name,
    list: "disks",
    uuid: uuidOf(disk, '"device"'),
    paths: [...pathsOf(disk), ...added && !isFar ? [added.source] : []],
    uri: isFar ? added.source : uriOf(disk),
    said: added?.ganeti && {
      object: added.ganeti.object,
      link: isFar ? added.ganeti.link : added.source,
      uri: isFar ? added.source : undefined,
    },
  };
}
