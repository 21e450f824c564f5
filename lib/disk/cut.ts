/**
 * Disks with a file or device that was shortened while in use: QEMU tells the
 * old size, and the guest gets errors beyond the new end.
 *
 * @module
 */

import { backendOf } from "../device/backend.ts";
import { nameOfEntry, titleOf } from "../device/select.ts";
import { identityOf } from "../host/identity.ts";
import { knownSize, type OpenImage, openImages } from "../host/open_images.ts";
import type { OpenFile } from "../host/process.ts";
import type { Difference } from "../plan/difference.ts";
import type { QemuFacts } from "../plan/facts.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { Size } from "../qmp/reading.ts";
import type { DiskEntry } from "../state/runtime.ts";
import { shellWord } from "../state/shell_word.ts";
import { sizeText } from "../words/text.ts";
import type { LinkFacts } from "./drift.ts";
import { imageFormat, readLiveDisks } from "./live.ts";

/** A recorded disk, and the rest of its source. */
export interface CutDisk {
  readonly entry: DiskEntry;
  /** The size that QEMU shows to the guest. */
  readonly liveBytes: Size;
  readonly source: Pick<OpenImage, "kind" | "path" | "sizeBytes">;
}

/** QEMU counts in these: BDRV_SECTOR_SIZE. */
const SECTOR = 512;

/**
 * Whether a raw source is shorter than its disk; false if its size is unknown.
 */
export function isCut(sizeBytes: number | undefined, liveBytes: Size): boolean {
  return sizeBytes !== undefined &&
    Math.ceil(sizeBytes / SECTOR) * SECTOR < liveBytes;
}

/** The hint that makes it as long as before. */
export function lengthen(
  { kind, path }: Pick<OpenImage, "kind" | "path">,
  bytes: Size,
): string {
  return kind === "file"
    ? `the data that was cut off is lost; to make the file longer again, run: truncate -s ${bytes} ${
      shellWord(path)
    }`
    : `make the device ${bytes} bytes long again; the data that was cut off may be lost`;
}

/**
 * Looks for such disks; asks QEMU and file systems for more only if there may
 * be one. An image has a size of its own.
 *
 * @param options.openFiles the open files of QEMU
 * @param options.links the targets of the links of all disks
 */
export async function readCut(
  { disks, qemu, openFiles, links }: {
    readonly disks: readonly DiskEntry[];
    readonly qemu: QemuFacts;
    readonly openFiles: readonly OpenFile[];
    readonly links: readonly LinkFacts[];
  },
  qmp: QmpSession,
): Promise<readonly CutDisk[]> {
  const { process, block } = qemu;
  const open = new Map(
    openFiles.map(({ status }) => [identityOf(status), status]),
  );
  const few = disks.flatMap((entry) => {
    const { sizeBytes: liveBytes, format } =
      backendOf(block, entry.hvinfo.id ?? "") ?? {};
    const identity = links[entry.index]?.lead?.identity ?? "";
    const status = open.get(identity);
    if (liveBytes === undefined || format !== undefined || !status) return [];
    return isCut(knownSize(status), liveBytes)
      ? [{ entry, liveBytes, identity }]
      : [];
  });
  if (few.length === 0 || process === undefined) return [];
  const images = await openImages(process.pid);
  const live = await readLiveDisks(qmp, qemu, { process, images });
  return few.flatMap(({ identity, ...one }) => {
    const disk = live.find(({ id }) => id === one.entry.hvinfo.id);
    const source = images.find((image) => image.identity === identity);
    if (disk === undefined || imageFormat(disk) !== undefined) return [];
    return source !== undefined && isCut(source.sizeBytes, one.liveBytes)
      ? [{ ...one, source }]
      : [];
  });
}

/** The difference of such a disk. */
export function cutDifference(
  { entry, liveBytes, source }: CutDisk,
): Difference {
  const { kind, path, sizeBytes } = source;
  const what = kind === "file" ? "file" : "block device";
  return {
    code: "source-shrunk",
    device: nameOfEntry(entry),
    message: `${titleOf(entry)} has ${
      sizeText(liveBytes)
    } in the guest, but its ${what} ${path} has only ${
      sizeText(sizeBytes ?? 0)
    }`,
    hint: lengthen(source, liveBytes),
  };
}
