/**
 * The meaning of single words: each function checks one kind of value and names
 * the accepted values.
 *
 * @module
 */

import { type Network, readNetwork } from "../device/netinfo.ts";
import { usage } from "../errors.ts";
import { isInterfaceName, isIpAddress, isVlan } from "../host/network_words.ts";
import { type JsonNode, JsonSyntaxError, parseJson } from "../state/json.ts";
import { isUuid, QEMU_ID } from "../state/value_check.ts";
import { isPrintable } from "./text.ts";

/** A value and the option it was given with. */
export interface Word {
  /** Long name without `--`, for messages; or an operand's: `SOURCE`. */
  readonly option: string;
  /** The typed text. */
  readonly text: string;
}

/** Makes a value of a word. @throws {HotplugError} `usage` */
export type Reader<T> = (word: Word) => T;

/** Both bounds are included. */
interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Operands have names in capitals, as in the usage text. */
function nameOf(option: string): string {
  return /^[A-Z]+$/.test(option) ? option : `Option --${option}`;
}

function wrong({ option, text }: Word, accepted: string) {
  return usage(
    `${nameOf(option)} must be ${accepted}: it is ${JSON.stringify(text)}`,
  );
}

/** Accepts a text unchanged, if it fits. */
export function textThat(
  fits: (text: string) => boolean,
  accepted: string,
): Reader<string> {
  return (word) => {
    if (fits(word.text)) return word.text;
    throw wrong(word, accepted);
  };
}

/** A whole number within bounds. */
export function wholeNumber({ min, max }: Bounds): Reader<number> {
  return (word) => {
    const value = /^\d{1,9}$/.test(word.text) ? Number(word.text) : NaN;
    if (value >= min && value <= max) return value;
    throw wrong(word, `a number from ${min} to ${max}`);
  };
}

/** A power of two within bounds, which are powers of two. */
export function powerOfTwo({ min, max }: Bounds): Reader<number> {
  return (word) => {
    const value = /^\d{1,9}$/.test(word.text) ? Number(word.text) : NaN;
    if (value >= min && value <= max && Number.isInteger(Math.log2(value))) {
      return value;
    }
    throw wrong(word, `a power of two from ${min} to ${max}`);
  };
}

/** A World Wide Name, which is not zero. */
export function wwn(word: Word): bigint {
  const digits = /^(?:0x)?([0-9a-f]{16})$/i.exec(word.text)?.[1];
  const value = digits === undefined ? 0n : BigInt(`0x${digits}`);
  if (value > 0n) return value;
  throw wrong(word, "16 hexadecimal digits such as 0x5000c50015ea71ac");
}

const UNITS = ["", "k", "m", "g", "t"];
const SIZE = /^(\d{1,16}|\d{1,9}\.\d{1,6}(?=[kmgt]))([kmgt]?)$/i;

/** Bytes, or a number with k M G T, powers of 1024. */
export function sizeBytes(
  { min, max }: Bounds,
): Reader<number> {
  return (word) => {
    const [, digits, unit = ""] = SIZE.exec(word.text) ?? [];
    const value = digits === undefined
      ? NaN
      : Number(digits) * 1024 ** UNITS.indexOf(unit.toLowerCase());
    const isSafe = Number.isSafeInteger(value);
    if (isSafe && value >= min && value <= max) return value;
    throw wrong(
      word,
      `bytes, or a number with k, M, G or T such as 10G, from ${min} to ${max} bytes`,
    );
  };
}

/** Seconds, fractions allowed, as milliseconds. */
export function secondsAsMs({ min, max }: Bounds): Reader<number> {
  return (word) => {
    const isNumber = /^\d{1,6}(?:\.\d{1,3})?$/.test(word.text);
    const value = isNumber ? Number(word.text) : NaN;
    if (value >= min && value <= max) return Math.round(value * 1000);
    throw wrong(word, `seconds, from ${min} to ${max}`);
  };
}

/** One of a few words. */
export function oneOf<W extends string>(words: readonly W[]): Reader<W> {
  return (word) => {
    const found = words.find((one) => one === word.text);
    if (found !== undefined) return found;
    throw wrong(word, words.join(" or "));
  };
}

/** A uuid, in lower case. */
export function uuid(word: Word): string {
  if (isUuid(word.text)) return word.text.toLowerCase();
  throw wrong(word, "a uuid such as 932df160-7a22-4067-8b7e-1f0a5d7c9e11");
}

/** A unicast MAC address, in lower case. */
export function mac(word: Word): string {
  const text = word.text.toLowerCase();
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(text)) {
    throw wrong(word, "a MAC address such as aa:00:00:12:34:56");
  }
  if (parseInt(text.slice(0, 2), 16) & 1) {
    throw wrong(word, "a unicast address (an even first byte)");
  }
  if (/^[0:]+$/.test(text)) throw wrong(word, "an address that is not zero");
  return text;
}

/** A network interface's name. */
export const interfaceName: Reader<string> = textThat(
  isInterfaceName,
  "1 to 15 letters, digits, '.', '_' and '-'",
);

/** Folders of /proc/sys/net for all interfaces, and for new ones. */
const NO_INTERFACES = ["all", "default"];

/** The name of a new interface. */
export function newInterfaceName(word: Word): string {
  const name = interfaceName(word);
  if (!NO_INTERFACES.includes(name)) return name;
  throw wrong(word, `a name, but not ${NO_INTERFACES.join(" and ")}`);
}

/** An IPv4 or IPv6 address, as written. */
export const ipAddress: Reader<string> = textThat(
  isIpAddress,
  "an IPv4 or IPv6 address",
);

/** A VLAN in Ganeti's form. */
export const vlan: Reader<string> = textThat(
  isVlan,
  "a VLAN such as 100, .100 or :100:200",
);

/** A name or other short text of one line. */
export const shortText: Reader<string> = textThat(
  (text) => text.length > 0 && text.length <= 255 && isPrintable(text),
  "1 to 255 printable characters",
);

/** A Ganeti network's uuid or name, or a JSON description of it. */
export function network(word: Word): string | Network {
  const { text } = word;
  if (!text.startsWith("{")) {
    // Ganeti's own names: lib/objects.py, Network.
    if (/^[A-Za-z0-9_.-]{1,255}$/.test(text)) return text;
    throw wrong(word, "a network's uuid, name or JSON description");
  }
  const read = readNetwork(jsonOf(word));
  if (typeof read !== "string") return read;
  throw wrong(word, `the JSON description of a network: ${read}`);
}

function jsonOf(word: Word): JsonNode {
  try {
    return parseJson(word.text);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw wrong(word, "well-formed JSON");
    throw error;
  }
}

/** A QEMU id. */
export const qemuId: Reader<string> = textThat(
  (text) => QEMU_ID.test(text),
  "a letter, then letters, digits, '.', '_' and '-'",
);

/** Longest path of the kernel: PATH_MAX of linux/limits.h, less the NUL. */
const MAX_PATH_BYTES = 4095;

/**
 * A path; it may contain any character but NUL, which no argument can contain.
 */
export const shortPath: Reader<string> = textThat((text) => {
  const bytes = new TextEncoder().encode(text).length;
  return bytes > 0 && bytes <= MAX_PATH_BYTES && !/[\0\n]/.test(text);
}, `a path of at most ${MAX_PATH_BYTES} bytes in one line`);
