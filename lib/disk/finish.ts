/**
 * A disk that was plugged and never recorded.
 *
 * @module
 */

import { frontendId } from "../device/backend.ts";
import { diskEntry } from "../device/entry.ts";
import { VIRTIO_BLK } from "../device/disk_settings.ts";
import { openImages } from "../host/open_images.ts";
import { holds } from "../host/process.ts";
import type { Source } from "../host/source.ts";
import type { Facts } from "../plan/facts.ts";
import {
  type FoundUnfinished,
  unfinishedId,
  withChange,
} from "../plan/finish.ts";
import { placeOf } from "../plan/live_place.ts";
import { NAMED_NODES } from "../qmp/block_queries.ts";
import type { QmpSession } from "../qmp/client.ts";
import { ask } from "../qmp/query.ts";
import type { DiskEntry } from "../state/runtime.ts";
import { recordedWith } from "./chosen.ts";
import { type LiveDisk, readLiveDisks } from "./live.ts";
import { whereabouts } from "./moved.ts";
import { DISK } from "./name.ts";
import type { DiskAdd } from "./request.ts";
import { servesUri, unaccounted } from "./still_there.ts";

/**
 * Whether the open file of QEMU without a recorded disk belongs to this disk:
 * it is the only disk that is not recorded. Ganeti leaves no data about which
 * node has which file.
 */
function isRest(facts: Facts, { id }: LiveDisk, { identity }: Source): boolean {
  const pid = facts.qemu.process?.pid;
  const rest = unaccounted(facts).map(({ qdev }) => frontendId(qdev));
  return pid !== undefined && rest.join() === id && holds(pid, identity) &&
    recordedWith(facts, identity).length === 0;
}

/** Why the disk does not have this source; undefined: it has. */
async function otherSource(
  facts: Facts,
  disk: LiveDisk,
  { source, qmp }: { readonly source: Source; readonly qmp: QmpSession },
): Promise<string | undefined> {
  if (source.kind === "uri") {
    const nodes = (await ask(qmp, NAMED_NODES))
      .filter(({ name }) => disk.nodes.includes(name));
    return nodes.some((one) => servesUri(one, source.path))
      ? undefined
      : `it has ${disk.backend.file}`;
  }
  if ("why" in disk.source) {
    return isRest(facts, disk, source) ? undefined : disk.source.why;
  }
  return disk.source.identity === source.identity
    ? undefined
    : `its data is in ${whereabouts(disk)}`;
}

/**
 * Looks for the disk of a master's request among the disks that are not
 * recorded.
 */
export async function readUnfinished(
  facts: Facts,
  request: DiskAdd,
  { source, qmp }: { readonly source: Source; readonly qmp: QmpSession },
): Promise<FoundUnfinished<DiskEntry> | undefined> {
  const { qemu, content } = facts;
  const id = unfinishedId(facts, DISK, request);
  if (id === undefined) return undefined;
  const { process } = qemu;
  if (process === undefined) return { id, why: "its files cannot be seen" };
  const images = await openImages(process.pid);
  const live = await readLiveDisks(qmp, qemu, { process, images });
  const disk = live.find((one) => one.id === id);
  const place = await placeOf(qmp, id, qemu);
  const why = disk === undefined || place === undefined
    ? "it has no medium, or no place"
    : await otherSource(facts, disk, { source, qmp });
  if (why !== undefined || place === undefined) return { id, why: why ?? "" };
  const { uuid: { value: uuid }, ganeti } = request;
  const index = content.runtime.disks.length;
  const text = diskEntry({
    ...{ id, uuid, place, driver: qemu.drivers.get(id) ?? VIRTIO_BLK },
    devType: ganeti?.devType ?? "",
    source: source.path,
    resolved: source.resolved,
    sizeBytes: source.sizeBytes,
    object: ganeti?.object,
    uri: source.kind === "uri" ? source.path : undefined,
    link: ganeti?.link,
  }, { index, reproducible: true });
  const list = DISK.list;
  const change = { change: "insert", list, uuid, entry: text } as const;
  const entry = withChange(content, change).disks[index];
  return entry && { id, change, entry };
}
