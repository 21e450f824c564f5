/**
 * The header of a qcow2 image: docs/interop/qcow2.rst of QEMU. Nothing in it is
 * trusted: a guest may have written it earlier.
 *
 * @module
 */

import { hugeFault } from "./disk_size.ts";

/** Formats of an image; the format is always given, never probed. */
export const FORMATS = ["raw", "qcow2"] as const;

/** One of {@linkcode FORMATS}. */
export type DiskFormat = typeof FORMATS[number];

/** The part of an image that names the image below. */
export interface Backing {
  /** As written: a path, `json:{…}`, a URI, or any other text. */
  readonly name: string;
  /** As written; undefined if the image does not say. */
  readonly format: string | undefined;
}

/** The used parts of a header. */
export type Qcow2Header = Readonly<ReturnType<typeof parseQcow2>>;

/** A fault of an image. */
export class ImageFault extends Error {}

const MAGIC = 0x514649fb;

/** Bytes at the beginning that show the format. */
export const MAGIC_BYTES = 4;

/** Smallest and largest cluster: 512 bytes, 2 MiB. */
const CLUSTER_BITS = { min: 9, max: 21 };

const MAX_NAME_BYTES = 1023;

const V2_HEADER_BYTES = 72;
const V3_HEADER_BYTES = 104;

/** The longest header of an image, with its extensions. */
export const HEADER_BYTES = 65_536;

/** Bits of `incompatible_features` that do not matter here. */
const HARMLESS = 1n << 0n | 1n << 3n | 1n << 4n;
const CORRUPT = 1n << 1n;
const DATA_FILE = 1n << 2n;

const EXTENSION = { end: 0, format: 0xe2792aca, dataFile: 0x44415441 };

/** Whether an image begins like qcow2. */
export function isQcow2(bytes: Uint8Array): boolean {
  return bytes.length >= MAGIC_BYTES &&
    viewOf(bytes).getUint32(0) === MAGIC;
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

/** A text of an image, one character a byte if it is not UTF-8. */
function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

function refuseFeatures(features: bigint): void {
  if (features & DATA_FILE) {
    throw new ImageFault("its data is in an external file");
  }
  if (features & CORRUPT) throw new ImageFault("it is marked as corrupt");
  const unknown = features & ~HARMLESS;
  if (unknown === 0n) return;
  throw new ImageFault(`it has unknown features (0x${unknown.toString(16)})`);
}

/** The backing format in the extensions. */
function formatOf(
  bytes: Uint8Array,
  { from, end }: { from: number; end: number },
): string | undefined {
  const view = viewOf(bytes);
  for (let at = from; at + 8 <= end;) {
    const kind = view.getUint32(at);
    const length = view.getUint32(at + 4);
    if (kind === EXTENSION.end) return undefined;
    const next = at + 8 + Math.ceil(length / 8) * 8;
    if (next > end) break;
    if (kind === EXTENSION.dataFile) {
      throw new ImageFault("it names an external data file");
    }
    if (kind === EXTENSION.format) {
      return textOf(bytes.subarray(at + 8, at + 8 + length));
    }
    at = next;
  }
  throw new ImageFault("its header does not end");
}

function backingOf(
  bytes: Uint8Array,
  { headerBytes, clusterBytes }: { headerBytes: number; clusterBytes: number },
): Backing | undefined {
  const view = viewOf(bytes);
  const offset = Number(view.getBigUint64(8));
  const length = view.getUint32(16);
  const end = Math.min(bytes.length, clusterBytes);
  const format = formatOf(bytes, {
    from: headerBytes,
    end: offset === 0 ? end : Math.min(end, offset),
  });
  if (offset === 0) return undefined;
  const fits = length > 0 && length <= MAX_NAME_BYTES &&
    offset >= headerBytes && offset + length <= end;
  if (!fits) {
    throw new ImageFault(
      "the name of its backing file lies outside of its header",
    );
  }
  return { name: textOf(bytes.subarray(offset, offset + length)), format };
}

/**
 * Reads a header.
 *
 * @param bytes up to {@linkcode HEADER_BYTES} from the beginning of the image
 * @throws {ImageFault}
 */
export function parseQcow2(bytes: Uint8Array) {
  if (!isQcow2(bytes) || bytes.length < V3_HEADER_BYTES) {
    throw new ImageFault("it is not a qcow2 image");
  }
  const view = viewOf(bytes);
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) {
    throw new ImageFault(`its version is ${version}, not 2 or 3`);
  }
  const bits = view.getUint32(20);
  if (bits < CLUSTER_BITS.min || bits > CLUSTER_BITS.max) {
    throw new ImageFault(`its cluster size is not supported: 2^${bits} bytes`);
  }
  if (view.getUint32(32) !== 0) throw new ImageFault("it is encrypted");
  if (version === 3) refuseFeatures(view.getBigUint64(72));
  const headerBytes = version === 2 ? V2_HEADER_BYTES : view.getUint32(100);
  if (headerBytes > bytes.length || headerBytes % 8 !== 0) {
    throw new ImageFault("its header does not end");
  }
  const sizeBytes = Number(view.getBigUint64(24));
  if (sizeBytes === 0) throw new ImageFault("its size is 0 bytes");
  const fault = hugeFault(sizeBytes);
  if (fault !== undefined) throw new ImageFault(fault);
  const clusterBytes = 2 ** bits;
  const backing = backingOf(bytes, { headerBytes, clusterBytes });
  return {
    /** Virtual size. */
    sizeBytes,
    /** Undefined if the image stands alone. */
    backing,
  };
}
