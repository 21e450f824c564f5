/**
 * The words of `disk add`.
 *
 * @module
 */

import {
  AIOS,
  CACHES,
  DISCARDS,
  type DiskSettings,
  FORMATS,
} from "../device/disk_settings.ts";
import { CONTROLLERS, NO_SOURCE } from "../device/disk_driver.ts";
import { isUri, uriNode } from "../device/storage_uri.ts";
import { HotplugError, unsupported } from "../errors.ts";
import { VIAS } from "../host/access_record.ts";
import type { DiskAdd } from "../operation/request.ts";
import type { Invocation } from "../commands/args.ts";
import { limitsOf } from "../cli/request_disk_change.ts";
import { option, path, plug } from "../words/request_words.ts";
import * as check from "../words/values.ts";

/** `none` is no file: `./none` is. */
function sourceOf(text: string): string {
  if (text === NO_SOURCE) return text;
  const word = { option: "SOURCE", text };
  if (!isUri(text)) return path(word);
  try {
    uriNode(check.shortPath(word));
    return text;
  } catch (error) {
    if (!(error instanceof HotplugError) || error.code !== "unsupported") {
      throw error;
    }
    const file = `a file whose name has a colon: ./${text}`;
    throw unsupported(error.message, `${error.hint}; ${file}`);
  }
}

function diskSettings(invocation: Invocation): Partial<DiskSettings> {
  const settings: { -readonly [K in keyof DiskSettings]?: DiskSettings[K] } =
    {};
  const pick = (
    name: "cache" | "aio" | "discard",
    words: readonly string[],
  ) => {
    const value = option(
      invocation,
      name,
      (word) => check.oneOf(word, words),
    );
    if (value !== undefined) settings[name] = value;
  };
  pick("cache", CACHES);
  pick("aio", AIOS);
  pick("discard", DISCARDS);
  if (invocation.flags.has("read-only")) settings.access = "ro";
  const queues = option(
    invocation,
    "queues",
    (word) => check.wholeNumber(word, { min: 1, max: 1024 }),
  );
  if (queues !== undefined) settings.queues = queues;
  return settings;
}

/**
 * Reads `disk add`. What was left out stays open: the hvparams decide later.
 *
 * @throws {HotplugError} `usage` | `unsupported`
 */
export function diskAdd(
  invocation: Invocation,
  instance: string,
  source: string,
): DiskAdd {
  return {
    kind: "disk-add",
    instance,
    ...plug(invocation),
    source: sourceOf(source),
    settings: diskSettings(invocation),
    via: option(invocation, "via", (word) => check.oneOf(word, VIAS)),
    iothread: option(invocation, "iothread", check.qemuId),
    controller: option(
      invocation,
      "controller",
      (word) => check.oneOf(word, CONTROLLERS),
    ),
    format: option(invocation, "format", (word) => check.oneOf(word, FORMATS)),
    allowBacking: option(invocation, "allow-backing", path),
    limits: limitsOf(invocation),
    migratable: invocation.flags.has("not-migratable")
      ? "not-needed"
      : "required",
  };
}
