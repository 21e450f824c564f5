/**
 * Whether QEMU has any part of a disk without an entry: a master destroys the
 * volume once it is told that the disk is gone.
 *
 * @module
 */

import { frontendId, isFirmware } from "../device/backend.ts";
import { uriNode } from "../device/storage_uri.ts";
import { identitiesAt, identityOf } from "../host/identity.ts";
import { openFiles } from "../host/process.ts";
import type { Facts } from "../plan/facts.ts";
import { NAMED_NODES, type NamedNode } from "../qmp/block_queries.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { BlockBackend } from "../qmp/commands.ts";
import type { Json } from "../qmp/message.ts";
import { ask } from "../qmp/query.ts";
import { fixedDrives } from "../state/fixed_command.ts";
import { devicesOf } from "../state/runtime.ts";
import { orNone } from "../errors.ts";
import { recordedWith } from "./chosen.ts";
import type { Volume } from "./request.ts";

/**
 * All values below an object, by their paths: QEMU tells them flat or nested.
 */
function flat(value: unknown, path = ""): Map<string, string> {
  if (typeof value !== "object" || value === null) {
    return new Map([[path, String(value)]]);
  }
  return new Map(
    Object.entries(value).flatMap(([key, one]) => [
      ...flat(one, path === "" ? key : `${path}.${key}`),
    ]),
  );
}

/** Whether `there` has all values of `wanted`. */
function holds(there: Json, wanted: Json): boolean {
  const all = flat(there);
  return flat(wanted).entries().every(([path, value]) =>
    all.get(path) === value
  );
}

/** Whether a node reads the data of a URI; an unknown answer counts as yes. */
export function servesUri({ driver, file }: NamedNode, uri: string): boolean {
  if (file === uri) return true;
  const wanted = uriNode(uri);
  if (driver !== wanted.driver) return false;
  if (file.startsWith("json:")) {
    const isJson = (error: unknown) => error instanceof SyntaxError;
    const there = orNone<Json>(() => JSON.parse(file.slice(5)), isJson);
    return there === undefined || holds(there, wanted);
  }
  const same = orNone(() => uriNode(file), () => true);
  return same === undefined || holds(same, wanted);
}

/** Drives without an entry: any of them may be the disk. */
export function unaccounted({ qemu, content }: Facts): BlockBackend[] {
  const known = new Set(
    devicesOf(content.runtime).flatMap(({ hvinfo: { id } }) => id ?? []),
  );
  return qemu.block.filter((one) => !isFirmware(one)).filter((
    { qdev, nodeName, readOnly },
  ) =>
    qdev !== "" && nodeName !== "" && readOnly !== true &&
    !known.has(frontendId(qdev) ?? "")
  );
}

/** The targets of a volume's paths, by the path. */
async function leadsOf(facts: Facts, { paths, seq }: Volume) {
  const { runDir, name } = facts.paths;
  const link = seq === undefined
    ? []
    : [`${runDir}/instance-disks/${name}:${seq}`];
  const all = [...paths, ...link];
  const found = await identitiesAt(all);
  return all.flatMap((path, at) => {
    const identity = found[at];
    if (identity === undefined) return [];
    const [owner] = recordedWith(facts, identity);
    // Links drift (SPEC 10.1, item 1), and one of two minors may belong to a
    // neighbour: such a path proves nothing about this disk.
    const isVague = at >= paths.length || paths.length > 1;
    return owner !== undefined && isVague ? [] : [{ path, identity, owner }];
  });
}

const OLD =
  "Ganeti before 2.10 started the VM, so its disks are in the fixed command line (kvm_cmd): hotplug is not supported for such existing devices";

/** Why a disk without an entry may not count as gone; undefined: it may. */
export async function whyNotGone(
  facts: Facts,
  volume: Volume,
  qmp: QmpSession,
): Promise<string | undefined> {
  const { qemu: { process }, content: { runtime } } = facts;
  const leads = await leadsOf(facts, volume);
  const { uri } = volume;
  if (uri !== undefined) {
    const node = (await ask(qmp, NAMED_NODES)).find((one) =>
      servesUri(one, uri)
    );
    if (node !== undefined) return `QEMU has ${uri} open (node ${node.name})`;
  }
  const open = process &&
    new Set(
      [...openFiles(process.pid)].map(({ status }) => identityOf(status)),
    );
  const held = leads.find(({ identity }) => open?.has(identity));
  const fixed = fixedDrives(runtime.kvmCmd);
  if (held !== undefined) {
    const inFixed = (await identitiesAt(fixed)).includes(held.identity);
    if (inFixed) return OLD;
    const { owner, path } = held;
    return `QEMU has ${path} open${
      owner ? `, which is recorded as disk ${owner.index}` : ""
    }`;
  }
  const isKnown = uri !== undefined ||
    (leads.length > 0 && open !== undefined && open.size > 0);
  const [other] = isKnown ? [] : unaccounted(facts);
  if (other === undefined) return undefined;
  const name = frontendId(other.qdev) ?? other.qdev;
  return fixed.length > 0
    ? OLD
    : `it may be ${name} (${other.file}), which is not recorded`;
}
