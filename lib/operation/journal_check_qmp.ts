/**
 * Checks of the commands that make something in QEMU, read back from a
 * journal: nothing in them may name a program or a file that no plan names.
 *
 * @module
 */

import { FORMATS } from "../device/disk_settings.ts";
import { isJson, type Json } from "../qmp/message.ts";
import {
  absolute,
  anything,
  type Check,
  dictionary,
  LINE,
  object,
  orNull,
  text,
  word,
} from "../engine/value_check.ts";

const KEY = /^[a-z][a-z0-9_.-]{0,63}$/;
const DRIVER = text(/^[a-z][a-z0-9_-]{0,31}$/);

const scalar: Check = (value) =>
  typeof value === "boolean" || Number.isFinite(value) || text(LINE)(value);
const scalars = dictionary(KEY, scalar);

/** Arguments of `device_add`: an option ROM is a file, and only left out. */
export function deviceArguments(args: Json, id: Check): boolean {
  const { romfile = "" } = args;
  return scalars(args) && id(args.id) && DRIVER(args.driver) && romfile === "";
}

/** Arguments of `netdev_add`: a tap for which QEMU runs no script. */
export function tapArguments(args: Json, id: Check): boolean {
  const { script, downscript } = args;
  const isOpen = text(LINE)(args.fds) || text(LINE)(args.fd);
  const runsNone = isOpen
    ? script === undefined && downscript === undefined
    : script === "no" && downscript === "no";
  return scalars(args) && id(args.id) && args.type === "tap" && runsNone;
}

const flag = word(true, false);
const common = {
  "cache": object({ "direct": flag, "no-flush": flag }),
  "read-only": flag,
  "auto-read-only": flag,
  "discard": text(/^[a-z]+$/),
};

/** Where the data are: a file of the node's, or what a URI was made into. */
const protocol: Check = (value) => {
  if (!isJson(value)) return false;
  if (value.filename === undefined) return DRIVER(value.driver);
  return object(
    { driver: word("file", "host_device"), filename: absolute },
    { ...common, aio: text(/^[a-z_]+$/) },
  )(value);
};

const backing: Check = (value) =>
  object(
    { driver: word(...FORMATS), file: protocol },
    { ...common, backing: orNull(backing) },
  )(value);

/** Arguments of `blockdev-add`: a format of ours over its data. */
export function nodeArguments(args: Json, id: Check): boolean {
  return id(args["node-name"]) &&
    object(
      { "driver": word(...FORMATS), "node-name": anything, "file": protocol },
      { ...common, backing: orNull(backing) },
    )(args);
}
