/**
 * Checks the images below a qcow2 image one by one: INTERFACE, "Safety". A
 * guest that writes its own image must not make root open a file of another
 * user.
 *
 * @module
 */

import { dirname, resolve } from "@std/path/posix";
import {
  type Backing,
  type DiskFormat,
  FORMATS,
  HEADER_BYTES,
  ImageFault,
  parseQcow2,
  type Qcow2Header,
} from "./qcow2.ts";
import { messageOf, passShortage, refuse } from "../errors.ts";
import { DeadlineError, SysError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import {
  openFileWithin,
  procPath,
  readPartWithin,
  TimeLimit,
} from "../sys/file.ts";
import { O } from "../sys/layout.ts";
import {
  inspectSource,
  reopenWithin,
  type Source,
  SOURCE_TIMEOUT_MS,
} from "./source.ts";

/** One image below another. */
export interface BackingLayer {
  /** The path of the open file, without links. */
  readonly path: string;
  /** Identity of the inode or device: {@linkcode identityOf}. */
  readonly identity: string;
  /** Decides the protocol driver. */
  readonly kind: "file" | "block";
  /** From the image above, never probed. */
  readonly format: DiskFormat;
}

/** A qcow2 image with all images below it. */
export interface BackingChain {
  /** Virtual size of the topmost image, in bytes. */
  readonly sizeBytes: number;
  /** From the second image down; empty if there is only one image. */
  readonly layers: readonly BackingLayer[];
  /** An O_PATH fd of each layer; owned by the caller. */
  readonly pins: readonly Fd[];
}

/** Options of a check of a chain. */
export interface ChainOptions {
  /** A folder that may contain backing files, beside the image's own. */
  readonly allowed: string | undefined;
  /** Whether O_DIRECT will be used. */
  readonly direct: boolean;
}

/** All images of a disk, with the topmost. */
const MAX_DEPTH = 16;

function fault(path: string, why: string) {
  return refuse(`Cannot use image ${path}: ${why}`);
}

async function headerOf(pinned: Fd, path: string): Promise<Qcow2Header> {
  using limit = new TimeLimit(SOURCE_TIMEOUT_MS);
  try {
    const flags = O.RDONLY | O.NONBLOCK;
    await using fd = await reopenWithin(pinned, flags, limit);
    const part = { offset: 0, length: HEADER_BYTES };
    return parseQcow2(await readPartWithin(fd, part, limit));
  } catch (error) {
    const known = error instanceof ImageFault || error instanceof SysError ||
      error instanceof DeadlineError;
    throw known ? fault(path, messageOf(error)) : error;
  }
}

/**
 * The path of a backing file: relative to the folder of the image that names
 * it.
 */
function pathOf({ name }: Backing, { path, resolved }: Source): string {
  const isPlain = [...name].every((one) => one >= " " && one !== "\x7f");
  // A colon before any slash: a URI, json:, or a driver of QEMU.
  if (/^[^/]*:/.test(name) || !isPlain) {
    throw fault(
      path,
      `its backing file must be a path, but is ${JSON.stringify(name)}`,
    );
  }
  return resolve(dirname(resolved), name);
}

function formatOf({ format }: Backing, path: string): DiskFormat {
  const found = FORMATS.find((one) => one === format);
  if (found !== undefined) return found;
  throw refuse(
    `Cannot use image ${path}: the format of its backing file must be ${
      FORMATS.join(" or ")
    }, it is ${format === undefined ? "not named" : JSON.stringify(format)}`,
    "to write the format into the image, run: qemu-img rebase -u -F FORMAT -b FILE IMAGE",
  );
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder === "/" ? "/" : `${folder}/`);
}

async function real(folder: string): Promise<string> {
  try {
    const timeoutMs = SOURCE_TIMEOUT_MS;
    using fd = await openFileWithin(folder, O.PATH, { timeoutMs });
    return Deno.readLinkSync(procPath(fd));
  } catch (error) {
    passShortage(error);
    throw refuse(`Cannot use --allow-backing ${folder}: ${messageOf(error)}`);
  }
}

/** Folders that may contain the images below. */
interface Folders {
  /** The folder of the topmost image; none if that is a device. */
  readonly own: string | undefined;
  /** The given folder, and its path without links. */
  readonly allowed: readonly string[];
}

async function foldersOf(
  { kind, resolved }: Source,
  { allowed }: ChainOptions,
): Promise<Folders> {
  return {
    own: kind === "file" ? dirname(resolved) : undefined,
    allowed: allowed === undefined
      ? []
      : [resolve(allowed), await real(allowed)],
  };
}

/** The real folder of a device means nothing: all devices are in /dev. */
function refuseElsewhere(
  { path, resolved, kind }: Source,
  { own, allowed }: Folders,
): void {
  const fits = kind === "file"
    ? dirname(resolved) === own || allowed.some((one) => isBelow(resolved, one))
    : allowed.some((one) => isBelow(path, one));
  if (fits) return;
  throw refuse(
    `Cannot use backing file ${path}${
      resolved === path ? "" : ` (${resolved})`
    }: it must lie in the image's own folder${own ? ` ${own}` : ""}`,
    `to allow this folder, add --allow-backing ${dirname(path)}`,
  );
}

function refuseUnfit(source: Source, direct: boolean): void {
  const { path, inUseBy } = source;
  if (inUseBy !== undefined) {
    throw refuse(
      `Cannot use backing file ${path}: ${inUseBy} writes to it`,
    );
  }
  if (!direct || source.direct !== false) return;
  throw refuse(
    `The disk's cache setting needs O_DIRECT, but the file system of backing file ${path} does not support it`,
  );
}

/**
 * Checks all images below a qcow2 image.
 *
 * @param pinned an O_PATH fd of the image; stays the caller's
 * @throws {HotplugError} `refused`
 */
export async function readChain(
  source: Source,
  pinned: Fd,
  options: ChainOptions,
): Promise<BackingChain> {
  const folders = await foldersOf(source, options);
  const top = await headerOf(pinned, source.path);
  const seen = [source.identity];
  const layers: BackingLayer[] = [];
  const pins: Fd[] = [];
  let above = { source, backing: top.backing };
  try {
    while (above.backing !== undefined) {
      const format = formatOf(above.backing, above.source.path);
      const path = pathOf(above.backing, above.source);
      const needs = { access: "ro", direct: options.direct } as const;
      const found = await inspectSource(path, needs);
      pins.push(found.pinned);
      const { identity, kind, resolved } = found.source;
      refuseElsewhere(found.source, folders);
      if (seen.includes(identity)) {
        throw fault(
          source.path,
          `its chain is a loop: it leads back to ${path}`,
        );
      }
      seen.push(identity);
      if (seen.length > MAX_DEPTH) {
        throw fault(source.path, `its chain has more than ${MAX_DEPTH} images`);
      }
      refuseUnfit(found.source, options.direct);
      if (kind === "uri") throw new TypeError("a path is not a URI");
      layers.push({ path: resolved, identity, kind, format });
      const backing = format === "raw"
        ? undefined
        : (await headerOf(found.pinned, path)).backing;
      above = { source: found.source, backing };
    }
    return { sizeBytes: top.sizeBytes, layers, pins };
  } catch (error) {
    for (const fd of pins) fd.close();
    throw error;
  }
}
