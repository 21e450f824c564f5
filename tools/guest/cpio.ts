/**
 * Writes the "newc" cpio format, which the Linux kernel unpacks as its first
 * root file system (Documentation/driver-api/early-userspace/buffer-format.rst).
 *
 * @module
 */

/** One member of an archive; folders must come before what is in them. */
export interface CpioEntry {
  /** Path without a leading slash. */
  readonly name: string;
  /** File type and rights as in `st_mode`, e.g. 0o100755. */
  readonly mode: number;
  /** A file's bytes or a link's target. @default none */
  readonly data?: Uint8Array;
  /** Major and minor number of a device node. */
  readonly device?: readonly [major: number, minor: number];
}

const TRAILER: CpioEntry = { name: "TRAILER!!!", mode: 0 };

/** A folder, 0755. */
export function folder(name: string): CpioEntry {
  return { name, mode: 0o040755 };
}

/** A regular file; text is written as UTF-8. @default mode 0755 */
export function file(
  name: string,
  content: Uint8Array | string,
  mode = 0o755,
): CpioEntry {
  const data = typeof content === "string"
    ? new TextEncoder().encode(content)
    : content;
  return { name, mode: 0o100000 | mode, data };
}

/** A symbolic link. */
export function link(name: string, target: string): CpioEntry {
  return { name, mode: 0o120777, data: new TextEncoder().encode(target) };
}

/** A character device node, 0600. */
export function characterDevice(
  name: string,
  major: number,
  minor: number,
): CpioEntry {
  return { name, mode: 0o020600, device: [major, minor] };
}

/** The whole archive, trailer included. All times are 0: same in, same out. */
export function cpioArchive(
  entries: readonly CpioEntry[],
): Uint8Array<ArrayBuffer> {
  const parts = [...entries, TRAILER].flatMap((entry, index) => [
    padded(header(entry, index + 1)),
    padded(entry.data ?? new Uint8Array()),
  ]);
  const archive = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let offset = 0;
  for (const part of parts) {
    archive.set(part, offset);
    offset += part.length;
  }
  return archive;
}

/** The header with the name and its NUL byte; numbers are 8 hex digits. */
function header(entry: CpioEntry, inode: number): Uint8Array {
  const name = new TextEncoder().encode(`${entry.name}\0`);
  const [major, minor] = entry.device ?? [0, 0];
  const fields = [
    inode,
    entry.mode,
    0, // uid
    0, // gid
    1, // links
    0, // mtime
    entry.data?.length ?? 0,
    0, // device the file came from
    0,
    major,
    minor,
    name.length,
    0, // check sum, unused in 070701
  ];
  const text = "070701" +
    fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  const bytes = new Uint8Array(text.length + name.length);
  bytes.set(new TextEncoder().encode(text));
  bytes.set(name, text.length);
  return bytes;
}

/** Header with name, and data, each end on a multiple of 4 bytes. */
function padded(bytes: Uint8Array): Uint8Array {
  const size = Math.ceil(bytes.length / 4) * 4;
  if (size === bytes.length) return bytes;
  const result = new Uint8Array(size);
  result.set(bytes);
  return result;
}
