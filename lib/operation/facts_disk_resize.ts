/**
 * What resizing a disk depends on besides the instance.
 *
 * @module
 */

import { refuse } from "../errors.ts";
import { type OpenImage, openImages } from "../host/open_images.ts";
import type { Facts } from "../plan/facts.ts";
import { type LiveDisk, readLiveDisks } from "../disk/live.ts";
import type { World } from "../engine/world.ts";

/** What resizing a disk depends on. */
export interface DiskResizeFacts extends Facts {
  /** Each with the file or device it is proven to have open. */
  readonly live: readonly LiveDisk[];
  /** The files and devices QEMU has open. */
  readonly images: readonly OpenImage[];
}

/**
 * Adds what resizing a disk depends on.
 *
 * @throws {HotplugError} `refused`
 */
export async function readDiskResizeFacts(
  facts: Facts,
  { qmp }: World,
): Promise<DiskResizeFacts> {
  const { process } = facts.qemu;
  if (process === undefined) {
    throw refuse(
      "Cannot resize a disk: QEMU's process is unknown, so nothing tells what it has open",
    );
  }
  const live = await readLiveDisks(qmp, facts.qemu, process);
  return { ...facts, live, images: openImages(process.pid) };
}
