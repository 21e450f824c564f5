/**
 * The segment that packElf appends: a table, the start stub, strings.
 *
 * ld.so calls the stub where it would have called the program's `_start`. The
 * stub builds a new frame below the one the kernel made, and jumps to the old
 * entry point with it:
 *
 *     sp → argc                            (raised by the inserted arguments)
 *          argv: ours, the caller's but argv[0], NULL
 *          envp: ours, the caller's minus what a rule hides, NULL
 *          auxv: as it was, up to AT_NULL
 *
 * Why this is sound:
 * - The frame has the layout and the alignment that the psABI prescribes for
 *   process start, whole, so whoever walks from argv to envp to auxv arrives.
 *   The register that carries rtld_fini survives.
 * - The old frame stays. ld.so has read LD_* from it, libc and the vDSO keep
 *   using its auxv, /proc/PID/cmdline and environ show what the caller gave.
 * - libc took its `environ` from the old frame before the stub ran. A program
 *   may assign `environ` (POSIX environ(7)), so the stub does: through the GOT
 *   slot that ld.so has filled for the program's own reference to it. The
 *   program's constructors and `main` run after that and get this `environ`
 *   (glibc csu/libc-start.c); libc's own did not read any variable we hide.
 * - Strings handed to execve may hold 128 KiB each (MAX_ARG_STRLEN). Those of
 *   the stub never pass through execve, so the bundle may be of any size.
 *
 * The table in front of the stub, little endian, offsets from the segment:
 *
 *      0 i64  old entry point          24 u32  offset table of the arguments
 *      8 i64  GOT slot of `environ`    28 u32  offset table of the variables
 *     16 u32  number of arguments      32 u32  rules
 *     20 u32  number of variables      36 u32  refuge
 *     44 u32  code cache               40 u32  sink
 *     48 u32  bytes of it, or 0        56 i64  SQLite's pointer to lstat
 *     52 u32  needs, or 0
 *     64 i64  region to relocate      72 u32  table of relocations
 *     80 i64  where the program is    76 u32  words of it, or 0
 *     88 u32  bytes of the region     92      unused
 *
 * A rule is: length of the prefix, byte (0 hides the variable, any other takes
 * the place of its first byte), the prefix. Length 0 ends the rules. The first
 * rule that fits decides.
 *
 * The refuge is a directory to go to if the current one was deleted, since
 * Deno refuses to start without one.
 *
 * The sink takes what Deno says on stderr before the program begins, if that
 * is a terminal; the terminal waits as fd 900, close-on-exec, until the
 * program puts it back.
 *
 * The code cache is what code_cache/stub.ts tells of, the needs stub_needs.ts,
 * the relocations stub_relocate.ts.
 *
 * @module
 */

import { CACHE_AARCH64, CACHE_X86_64 } from "./code_cache/stub.ts";
import { NEEDS_AARCH64, NEEDS_X86_64 } from "./stub_needs.ts";
import type { Relocated } from "./relocations.ts";
import { RELOCATE_AARCH64, RELOCATE_X86_64 } from "./stub_relocate.ts";
import { STUB_AARCH64 } from "./stub_aarch64.ts";
import { STUB_X86_64 } from "./stub_x86_64.ts";

/** Bytes of the table in front of the stub. */
export const STUB_OFFSET = 96;

/** The treatment of inherited variables that begin so (`NAME=value`). */
export interface EnvironmentRule {
  /** 1 to 255 bytes, compared with the beginning of `NAME=value`. */
  readonly prefix: string;
  /** Takes the place of the first byte; without it the variable is hidden. */
  readonly firstByte?: string;
}

/** The surroundings of a packed program, beside its arguments. */
export interface Surroundings {
  /** `NAME=value`, put before the inherited variables: the first one counts. */
  readonly variables: readonly string[];
  readonly rules: readonly EnvironmentRule[];
  /** Absolute path of the directory that replaces a deleted one. */
  readonly refuge: string;
  /**
   * Absolute path of the file that replaces stderr until the program begins.
   */
  readonly sink: string;
  /** The needs of the program; then the refuge is in /proc. @default none */
  readonly needs?: Needs;
}

/** The message if something is missing. */
export interface Refusal {
  /** For stderr, with its line break. */
  readonly line: string;
  /** The document for stdout, if `--json` is among the words. */
  readonly document: string;
}

/** The needs that stub_needs.ts checks. */
export interface Needs {
  /** How many descriptors must be free: 1 to 255. */
  readonly descriptors: number;
  readonly fewDescriptors: Refusal;
  readonly noProc: Refusal;
  readonly limits: readonly Limit[];
}

/** A limit of setrlimit(2) that must be 2 to the power of `bits` or more. */
export interface Limit {
  /** 1 to 255. */
  readonly resource: number;
  /** 1 to 63. */
  readonly bits: number;
  readonly refusal: Refusal;
}

/** Where the segment ends up, as distances from its own start, in bytes. */
export interface Distances {
  readonly entry: number;
  readonly environSlot: number;
  /** Undefined: there is no such pointer, so no code cache can be used. */
  readonly lstatSlot: number | undefined;
  /** Of virtual address 0. */
  readonly base: number;
}

/** Machine code of a listing: the hexadecimal bytes of its first column. */
export function assemble(listing: string): Uint8Array {
  const bytes: number[] = [];
  for (const line of listing.split("\n")) {
    if (line === "" || line.endsWith(":")) continue;
    const column = line.split("|")[0] ?? "";
    for (const pair of column.trim().split(/ +/)) {
      if (!/^[0-9a-f]{2}$/.test(pair)) throw new TypeError(`bad line: ${line}`);
      bytes.push(parseInt(pair, 16));
    }
  }
  return new Uint8Array(bytes);
}

/** The start stub of each architecture, as {@linkcode assemble} reads it. */
export const LISTINGS = {
  x86_64: STUB_X86_64 + CACHE_X86_64 + NEEDS_X86_64 + RELOCATE_X86_64,
  aarch64: STUB_AARCH64 + CACHE_AARCH64 + NEEDS_AARCH64 + RELOCATE_AARCH64,
} as const;

/**
 * The start stub of an architecture.
 *
 * @param machine `e_machine` of the ELF header: EM_X86_64 (62) or
 * EM_AARCH64 (183), elf.h.
 * @throws {RangeError} for any other.
 */
export function stubFor(machine: number): Uint8Array {
  if (machine === 62) return assemble(LISTINGS.x86_64);
  if (machine === 183) return assemble(LISTINGS.aarch64);
  throw new RangeError(
    `Cannot pack this executable: its machine must be x86_64 (62) or ` +
      `aarch64 (183): current value is ${machine}`,
  );
}

/**
 * The whole segment.
 *
 * @param stub machine code, as {@linkcode stubFor} gives it.
 * @param args the beginning of argv, argv[0] included; empty: argv stays.
 * @throws {TypeError} if a string cannot be a C string or a rule is too long.
 */
export function buildSegment(
  stub: Uint8Array,
  args: readonly string[],
  { surroundings, distances, codeCache, relocated }: {
    surroundings: Surroundings;
    distances: Distances;
    codeCache: Uint8Array;
    relocated: Relocated | undefined;
  },
): Uint8Array {
  const { variables, rules, refuge, sink, needs } = surroundings;
  const argTable = (STUB_OFFSET + stub.length + 7) & ~7;
  const variableTable = argTable + 4 * args.length;
  const ruleList = variableTable + 4 * variables.length;
  const ruleBytes = encodeRules(rules);
  const needBytes = encodeNeeds(needs);
  const texts = [refuge, sink, ...args, ...variables].map(cString);
  const offsets: number[] = [];
  const needList = ruleList + ruleBytes.length;
  let end = needList + needBytes.length;
  for (const text of texts) {
    offsets.push(end);
    end += text.length;
  }
  const { entry, environSlot, lstatSlot, base } = distances;
  const cache = lstatSlot === undefined ? new Uint8Array() : codeCache;
  const words = relocated?.table ?? new BigUint64Array();
  const wordsAt = (end + 7) & ~7;
  const cacheAt = wordsAt + words.byteLength;
  const segment = new Uint8Array(cacheAt + cache.length);
  const view = new DataView(segment.buffer);
  view.setBigInt64(0, BigInt(entry), true);
  view.setBigInt64(8, BigInt(environSlot), true);
  view.setBigInt64(56, BigInt(lstatSlot ?? 0), true);
  view.setUint32(44, cacheAt, true);
  view.setUint32(48, cache.length, true);
  view.setUint32(52, needs === undefined ? 0 : needList, true);
  view.setBigInt64(64, BigInt(base + (relocated?.vaddr ?? 0)), true);
  view.setUint32(72, wordsAt, true);
  view.setUint32(76, words.length, true);
  view.setBigInt64(80, BigInt(base), true);
  view.setUint32(88, relocated?.size ?? 0, true);
  const counts = [args.length, variables.length];
  const [refugeOffset = 0, sinkOffset = 0, ...stringOffsets] = offsets;
  [...counts, argTable, variableTable, ruleList, refugeOffset, sinkOffset]
    .forEach((value, i) => view.setUint32(16 + 4 * i, value, true));
  segment.set(stub, STUB_OFFSET);
  stringOffsets.forEach((offset, i) =>
    view.setUint32(argTable + 4 * i, offset, true)
  );
  segment.set(ruleBytes, ruleList);
  segment.set(needBytes, needList);
  texts.forEach((text, i) => segment.set(text, offsets[i]));
  words.forEach((word, i) => view.setBigUint64(wordsAt + 8 * i, word, true));
  segment.set(cache, cacheAt);
  return segment;
}

function encodeRules(rules: readonly EnvironmentRule[]): Uint8Array {
  const bytes: number[] = [];
  for (const { prefix, firstByte } of rules) {
    const text = cString(prefix).subarray(0, -1);
    if (text.length < 1 || text.length > 255) {
      throw new TypeError(
        `Cannot use a rule: its prefix must have 1 to 255 bytes: ` +
          `current value is "${prefix}"`,
      );
    }
    bytes.push(text.length, firstByte?.charCodeAt(0) ?? 0, ...text);
  }
  return new Uint8Array([...bytes, 0, 0]);
}

function encodeNeeds(needs: Needs | undefined): Uint8Array {
  if (needs === undefined) return new Uint8Array();
  const { descriptors, fewDescriptors, noProc, limits } = needs;
  const numbers = [
    inRange(descriptors, 255),
    ...limits.flatMap(({ resource, bits }) => [
      inRange(resource, 255),
      inRange(bits, 63),
    ]),
    ...[0, 0],
  ];
  const texts = [fewDescriptors, noProc, ...limits.map((one) => one.refusal)]
    .flatMap(({ line, document }) => [...cString(line), ...cString(document)]);
  return new Uint8Array([...numbers, ...texts]);
}

function inRange(value: number, max: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= max) return value;
  throw new RangeError(
    `Cannot pack: a need must be from 1 to ${max}: current value is ${value}`,
  );
}

function cString(text: string): Uint8Array {
  if (text.includes("\0")) {
    throw new TypeError(`Cannot pack a string with a NUL character in it`);
  }
  return new TextEncoder().encode(text + "\0");
}
