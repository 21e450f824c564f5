/**
 * From a command line to a Request: every word checked, nothing of this node
 * looked at.
 *
 * @module
 */

import { resolve } from "@std/path";
import { ID_SCHEMES } from "../device/device_id.ts";
import { AIOS, CACHES, DISCARDS, type DiskSettings } from "../device/disk.ts";
import { NIC_MODES } from "../device/nic.ts";
import { HotplugError, usage } from "../errors.ts";
import type {
  DiskAdd,
  NicAdd,
  Reach,
  Request,
  UuidChoice,
} from "../operation/request.ts";
import { checkInstanceName, defaultRunDir } from "../state/instance.ts";
import type { Invocation } from "./args.ts";
import * as check from "./values.ts";

/** Takes an option through its check, if it was given. */
function option<T>(
  { values }: Invocation,
  name: string,
  convert: (word: check.Word) => T,
): T | undefined {
  const text = values.get(name);
  return text === undefined ? undefined : convert({ option: name, text });
}

/** A flag and its `--no-` form. */
function flag({ flags }: Invocation, name: string): "on" | "off" | undefined {
  if (flags.has(`no-${name}`)) return "off";
  return flags.has(name) ? "on" : undefined;
}

/** An absolute path; relative ones are taken from the working directory. */
function absolute(path: string): string {
  if (path.startsWith("/")) return path;
  try {
    return resolve(path);
  } catch {
    throw usage(
      `Cannot resolve ${
        JSON.stringify(path)
      }: the working directory is gone; give an absolute path`,
    );
  }
}

function path(word: check.Word): string {
  return absolute(check.shortPath(word));
}

function uuidChoice(invocation: Invocation): UuidChoice {
  const given = option(invocation, "uuid", check.uuid);
  return given === undefined
    ? { value: crypto.randomUUID(), origin: "made" }
    : { value: given, origin: "given" };
}

/** A random MAC under the prefix that Ganeti's clusters have by default. */
function randomMac(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(3));
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0"));
  return `aa:00:00:${hex.join(":")}`;
}

function plug(invocation: Invocation) {
  return {
    uuid: uuidChoice(invocation),
    name: option(invocation, "name", check.shortText),
    driver: option(invocation, "driver", check.qemuId),
    slot: option(
      invocation,
      "slot",
      (word) => check.wholeNumber(word, { min: 0, max: 31 }),
    ),
    bus: option(invocation, "bus", check.qemuId),
    idScheme: option(
      invocation,
      "id-scheme",
      (word) => check.oneOf(word, ID_SCHEMES),
    ),
  };
}

/** A URI: a scheme of two letters or more, then a colon. */
const URI = /^[a-z][a-z0-9+.-]+:/i;

function sourcePath(text: string): string {
  const word = { option: "SOURCE", text };
  if (URI.test(text)) {
    throw new HotplugError(
      "unsupported",
      `Cannot use source ${text}: only files and block devices are supported`,
      { hint: `a file whose name has a colon: ./${text}` },
    );
  }
  return path(word);
}

function refuseUnsupported(invocation: Invocation, name: string, only: string) {
  const value = invocation.values.get(name);
  if (value === undefined || value === only) return;
  throw new HotplugError(
    "unsupported",
    `Option --${name} ${JSON.stringify(value)} is not supported: ${only} is`,
  );
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

function diskAdd(
  invocation: Invocation,
  instance: string,
  source: string,
): DiskAdd {
  refuseUnsupported(invocation, "format", "raw");
  refuseUnsupported(invocation, "via", "fdset");
  return {
    kind: "disk-add",
    instance,
    ...plug(invocation),
    source: sourcePath(source),
    settings: diskSettings(invocation),
    iothread: option(invocation, "iothread", check.qemuId),
    migratable: invocation.flags.has("not-migratable")
      ? "not-needed"
      : "required",
  };
}

/** Modes Ganeti has and this release does not set up. */
const LATER_MODES = ["routed", "openvswitch"];

function nicMode(invocation: Invocation, link: string | undefined) {
  const said = invocation.values.get("mode");
  if (said !== undefined && LATER_MODES.includes(said)) {
    throw new HotplugError(
      "unsupported",
      `NIC mode ${said} is not supported: ${NIC_MODES.join(" and ")} are`,
    );
  }
  const mode = option(
    invocation,
    "mode",
    (word) => check.oneOf(word, NIC_MODES),
  ) ?? (link === undefined ? "none" : "bridged");
  if (mode === "bridged" && link === undefined) {
    throw usage("Mode bridged needs --link", "name the bridge: --link br0");
  }
  return mode;
}

function nicAdd(invocation: Invocation, instance: string): NicAdd {
  const link = option(invocation, "link", check.interfaceName);
  const mac = option(invocation, "mac", check.mac);
  return {
    kind: "nic-add",
    instance,
    ...plug(invocation),
    mac: mac === undefined
      ? { value: randomMac(), origin: "made" }
      : { value: mac, origin: "given" },
    mode: nicMode(invocation, link),
    link,
    vlan: option(invocation, "vlan", check.vlan),
    ip: option(invocation, "ip", check.ipAddress),
    network: option(invocation, "network", check.uuid),
    queues: option(
      invocation,
      "queues",
      (word) => check.wholeNumber(word, { min: 1, max: 32 }),
    ),
    vhost: flag(invocation, "vhost"),
    vnetHdr: invocation.flags.has("no-vnet-hdr") ? "off" : undefined,
    tap: option(invocation, "tap", check.interfaceName),
    script: option(invocation, "script", path),
  };
}

/** The instance a command names; undefined if it names none. */
export function instanceOf(invocation: Invocation): string | undefined {
  const name = invocation.operands[0];
  return name === undefined ? undefined : checkInstanceName(name);
}

function deviceWord(text: string): string {
  return check.shortText({ option: "DEVICE", text });
}

/**
 * The request a command line makes; undefined if the command is a question.
 *
 * @throws {HotplugError} `usage` | `unsupported`
 */
export function requestOf(invocation: Invocation): Request | undefined {
  const instance = instanceOf(invocation);
  const second = invocation.operands[1] ?? "";
  if (instance === undefined) return undefined;
  switch (invocation.command?.name) {
    case "disk add":
      return diskAdd(invocation, instance, second);
    case "disk remove":
      return {
        kind: "disk-remove",
        instance,
        device: deviceWord(second),
        bootDisk: invocation.flags.has("force") ? "forced" : "kept",
      };
    case "nic add":
      return nicAdd(invocation, instance);
    case "nic remove":
      return { kind: "nic-remove", instance, device: deviceWord(second) };
  }
  return undefined;
}

/** How the instance is to be reached, from the global options. */
export function reachOf(
  invocation: Invocation,
  env: (name: string) => string | undefined,
): Reach {
  const seconds = (name: string, min: number) =>
    option(invocation, name, (word) => check.secondsAsMs(word, { min }));
  return {
    runDir: option(invocation, "run-dir", path) ??
      absolute(defaultRunDir(env)),
    qmp: option(invocation, "qmp", path),
    state: option(invocation, "state", path),
    timeoutMs: seconds("timeout", 0.001) ?? 5_000,
    unplugTimeoutMs: seconds("unplug-timeout", 0) ?? 30_000,
    lockTimeoutMs: seconds("lock-timeout", 0) ?? 10_000,
  };
}
