/**
 * What single words mean: each function checks one kind of value and says what
 * would be accepted.
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
  /** As it was typed. */
  readonly text: string;
}

/** Operands go by names in capitals, as in the usage text. */
function nameOf(option: string): string {
  return /^[A-Z]+$/.test(option) ? option : `Option --${option}`;
}

function wrong({ option, text }: Word, accepted: string) {
  return usage(
    `${nameOf(option)} must be ${accepted}: it is ${JSON.stringify(text)}`,
  );
}

/** A whole number within bounds, both included. */
export function wholeNumber(
  word: Word,
  { min, max }: { min: number; max: number },
): number {
  const value = /^\d{1,9}$/.test(word.text) ? Number(word.text) : NaN;
  if (value >= min && value <= max) return value;
  throw wrong(word, `a number from ${min} to ${max}`);
}

const UNITS = ["", "k", "m", "g", "t"];

/** Bytes, or a number with k M G T, powers of 1024. */
export function sizeBytes(
  word: Word,
  { min, max = Number.MAX_SAFE_INTEGER }: { min: number; max?: number },
): number {
  const [, digits, unit = ""] =
    /^(\d{1,16}|\d{1,9}\.\d{1,6}(?=[kmgt]))([kmgt]?)$/i.exec(word.text) ?? [];
  const value = digits === undefined
    ? NaN
    : Number(digits) * 1024 ** UNITS.indexOf(unit.toLowerCase());
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw wrong(
    word,
    `bytes, or a number with k, M, G or T such as 10G, from ${min} to ${max} bytes`,
  );
}

const DAY_S = 86_400;

/** Seconds, fractions allowed, as milliseconds; at most a day. */
export function secondsAsMs(
  word: Word,
  { min }: { min: number },
): number {
  const value = /^\d{1,6}(?:\.\d{1,3})?$/.test(word.text)
    ? Number(word.text)
    : NaN;
  if (value >= min && value <= DAY_S) return Math.round(value * 1000);
  throw wrong(word, `seconds, from ${min} to ${DAY_S}`);
}

/** One of a few words. */
export function oneOf<W extends string>(word: Word, words: readonly W[]): W {
  const found = words.find((one) => one === word.text);
  if (found !== undefined) return found;
  throw wrong(word, words.join(" or "));
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
  if (/^[0:]+$/.test(text)) throw wrong(word, "an address other than zero");
  return text;
}

/** A network interface's name. */
export function interfaceName(word: Word): string {
  if (isInterfaceName(word.text)) return word.text;
  throw wrong(word, "1 to 15 letters, digits, '.', '_' and '-'");
}

/** Folders of /proc/sys/net that stand for all interfaces, and for new ones. */
const NO_INTERFACES = ["all", "default"];

/** The name of an interface that is to be made. */
export function newInterfaceName(word: Word): string {
  const name = interfaceName(word);
  if (!NO_INTERFACES.includes(name)) return name;
  throw wrong(word, `a name other than ${NO_INTERFACES.join(" and ")}`);
}

/** An IPv4 or IPv6 address, as it was written. */
export function ipAddress(word: Word): string {
  if (isIpAddress(word.text)) return word.text;
  throw wrong(word, "an IPv4 or IPv6 address");
}

/** A VLAN in Ganeti's form. */
export function vlan(word: Word): string {
  if (isVlan(word.text)) return word.text;
  throw wrong(word, "a VLAN such as 100, .100 or :100:200");
}

/** A name or other short text of one line. */
export function shortText(word: Word): string {
  const { length } = word.text;
  if (length > 0 && length <= 255 && isPrintable(word.text)) {
    return word.text;
  }
  throw wrong(word, "1 to 255 printable characters");
}

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
export function qemuId(word: Word): string {
  if (QEMU_ID.test(word.text)) return word.text;
  throw wrong(word, "a letter, then letters, digits, '.', '_' and '-'");
}

/** Longest path the kernel takes: PATH_MAX of linux/limits.h, less the NUL. */
const MAX_PATH_BYTES = 4095;

/** A path; it may hold any character but NUL, which no argument can hold. */
export function shortPath(word: Word): string {
  const bytes = new TextEncoder().encode(word.text).length;
  if (bytes > 0 && bytes <= MAX_PATH_BYTES && !/[\0\n]/.test(word.text)) {
    return word.text;
  }
  throw wrong(word, `a path of at most ${MAX_PATH_BYTES} bytes in one line`);
}
