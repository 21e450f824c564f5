/**
 * The recorded disk that a path or URI means.
 *
 * @module
 */

import { findDevice } from "../device/select.ts";
import { isUri } from "../device/storage_uri.ts";
import { identityAt } from "../host/identity.ts";
import type { NodeFacts } from "../plan/facts.ts";
import type { DiskEntry } from "../state/runtime.ts";
import type { DiskRequest } from "./request.ts";
import { startedDrives } from "./started.ts";

/**
 * The same request, with the uuid of the disk in place of its path or URI. A
 * path means the disk with the same inode or device.
 *
 * @returns the request itself if it names its disk in another way, or names no
 * disk
 * @throws {HotplugError} `ambiguous-device`
 */
export async function withoutPath<R extends DiskRequest>(
  request: R,
  { content, diskIdentities }: Pick<NodeFacts, "content" | "diskIdentities">,
): Promise<R> {
  if (!("device" in request)) return request;
  const { device } = request;
  const isPath = device.startsWith("/");
  if (!isPath && !isUri(device)) return request;
  const identity = isPath ? await identityAt(device) : undefined;
  const isIts = ({ uri, link, index }: DiskEntry) =>
    uri === device || link === device ||
    (identity !== undefined && diskIdentities[index] === identity);
  const entry = findDevice(content.runtime.disks, device, isIts);
  if (entry === undefined) {
    const drive = startedDrives(content.runtime)
      .find(({ medium }) => medium === device);
    return drive ? { ...request, device: drive.hvinfo.id } : request;
  }
  return { ...request, device: entry.uuid ?? String(entry.index) };
}
