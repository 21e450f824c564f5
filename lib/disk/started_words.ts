/**
 * The words of `kvm_cmd` for another medium in a drive that the VM was started
 * with. A start makes the same drive from them: with the new medium, or empty.
 * Pure.
 *
 * @module
 */

import { refuse } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import { stateSteps } from "../plan/steps.ts";
import { commandOptions } from "../state/fixed_command.ts";
import { optionText, readOptionText } from "../state/option_text.ts";
import { type Check, LINE, list, text, where } from "../state/value_check.ts";
import { longForm } from "./drive_names.ts";
import type { StartedDrive } from "./started.ts";

/** A medium as a start opens it. */
export interface StartMedium {
  /** Absolute. */
  readonly path: string;
  readonly kind: "file" | "block";
}

/** Options of `-drive` that an empty drive can have, too. */
const OF_DRIVE = ["id", "if", "media", "index", "bus", "unit"];
/** Options of `-drive` that are about its medium. */
const OF_MEDIUM = ["file", "format", "readonly", "cache", "aio", "boot"];
/** Options of `-blockdev`, for a raw node and the file below it. */
const OF_NODE = [
  ...["driver", "node-name", "file", "filename", "url", "read-only"],
  ...["auto-read-only", "discard", "cache.direct", "cache.no-flush", "aio"],
];
const NODE_DRIVERS = ["raw", "file", "host_device", "http", "https"];

/** Whether an option has only known properties. */
function isKnown(option: string, value: string): boolean {
  if (longForm(option) !== undefined) return true;
  const all = readOptionText(value);
  const keys = [...all.keys()];
  if (option === "drive") {
    const type = all.get("if") ?? "ide";
    return ["ide", "none", "floppy"].includes(type) &&
      keys.every((key) => [...OF_DRIVE, ...OF_MEDIUM].includes(key));
  }
  if (option !== "blockdev") return false;
  const plain = keys.map((key) => key.replace(/^file\./, ""));
  const drivers = [all.get("driver"), all.get("file.driver") ?? "file"];
  return plain.every((key) => OF_NODE.includes(key)) &&
    drivers.every((one = "") => NODE_DRIVERS.includes(one));
}

/**
 * Whether words are the options for the medium of one drive, and no more: all
 * of their properties are understood.
 */
export const isDriveWords: Check<readonly string[]> = where(
  list(text(LINE)),
  (words) => {
    const options = commandOptions(words);
    return options.length >= 1 && options.length <= 2 &&
      options.length * 2 === words.length &&
      options.every(({ option, value }) => isKnown(option, value));
  },
  "a CD or floppy drive",
);

/** The value of `-drive` of an empty drive of the same name and place. */
function emptyDrive({ words, drive, called }: StartedDrive): string {
  const [{ option, value } = { option: "", value: "" }] = commandOptions(words);
  const short = longForm(option);
  if (short !== undefined) return short;
  if (option === "blockdev") {
    const media = called === "CD drive" ? { media: "cdrom" } : {};
    return optionText({ if: "none", id: drive, ...media });
  }
  const kept = [...readOptionText(value)]
    .filter(([key]) => OF_DRIVE.includes(key));
  return optionText(Object.fromEntries(kept));
}

/** `-blockdev` with the node of the file in it, as Ganeti writes it. */
function withFile(
  value: string,
  { path, kind }: StartMedium,
): string | undefined {
  const all = readOptionText(value);
  if (value.startsWith("{") || all.get("driver") !== "raw") return undefined;
  if (!all.has("file.filename") && !all.has("file.url")) return undefined;
  const kept = [...all].filter(([key]) => !key.startsWith("file."));
  return optionText({
    ...Object.fromEntries(kept),
    "file.driver": kind === "file" ? "file" : "host_device",
    "file.filename": path,
  });
}

/** The words with another medium. */
function otherWords(
  drive: StartedDrive,
  medium: StartMedium | null,
): readonly string[] {
  const { words } = drive;
  const [, value = ""] = words;
  const isNode = words.length === 2 && /^--?blockdev$/.test(words[0] ?? "");
  const node = medium && isNode ? withFile(value, medium) : undefined;
  if (node !== undefined) return ["-blockdev", node];
  const empty = emptyDrive(drive);
  if (medium === null) return ["-drive", empty];
  const file = optionText({ file: medium.path });
  return ["-drive", `${file},${empty},format=raw`];
}

/**
 * The words that a start needs for this medium; null: for an empty drive.
 *
 * @throws {HotplugError} `refused` if the present words are not understood
 */
export function wordsWith(
  drive: StartedDrive,
  medium: StartMedium | null,
): readonly string[] {
  if (isDriveWords(drive.words)) return otherWords(drive, medium);
  throw refuse(
    `Cannot change the medium of ${drive.called} ${drive.hvinfo.id}: its words in the runtime file (kvm_cmd) have properties that are not understood`,
  );
}

/**
 * The steps that record another medium.
 *
 * @param medium null: the drive is empty
 * @throws {HotplugError} as {@linkcode wordsWith}
 */
export function mediumRecord(
  facts: Pick<Facts, "paths" | "content" | "nonce">,
  drive: StartedDrive,
  medium: StartMedium | null,
) {
  const { words: take, called } = drive;
  const put = wordsWith(drive, medium);
  const title = `medium of the ${called}`;
  return stateSteps(facts, { change: "words", words: { title, take, put } });
}
