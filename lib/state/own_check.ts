/**
 * The frame of the tool's own record. Each kind checks the notes about its
 * devices: INTERFACE, "Safety".
 *
 * @module
 */

import type { AccessRecord, Via } from "../host/access_record.ts";
import type { ProcessIdentity } from "../host/process_identity.ts";
import { FOUND_INTERFACE } from "../host/network_words.ts";
import type { HeldTap } from "../host/tap_holders.ts";
import { type InstancePaths, isInstanceName } from "./instance.ts";
import {
  type Check,
  dictionary,
  either,
  object,
  type Of,
  openObject,
  orNull,
  QEMU_ID,
  qemuId,
  text,
  UUID_KEY,
  uuidKey,
  where,
  whole,
  word,
} from "./value_check.ts";

/** A time in our form: ISO 8601, UTC. */
export const time = text(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/);

/** A word that names a kind of device. */
export const kindWord = text(/^[a-z][a-z0-9-]{0,31}$/);

/** A removal that the guest has not completed. */
export const pendingRemoval = openObject({
  id: qemuId,
  // The time of the last device_del.
  requestedAt: time,
  // The user's name of the device, for messages.
  title: text(/^[ -\uffff]{1,256}$/),
});

/**
 * For a device that `adopt` recorded: only its id tells the first part of its
 * uuid.
 */
export const inventedUuid = { invented: word(true) };

/** A removal that the guest has not completed. */
export type PendingRemoval = Of<typeof pendingRemoval>;

/**
 * The time at which the guest was asked to release a device that is to be
 * plugged again, and did not; it may still do so. `perhaps`: it is unknown
 * whether the guest was asked, because the call was killed.
 */
export const askedRelease = either(time, object({ perhaps: time }));

/** The time of the question for a device that is to be plugged again. */
export type AskedRelease = Of<typeof askedRelease>;

/** The process for which a record or a journal was written. */
export const processIdentity: Check<ProcessIdentity> = openObject({
  boot: text(/^[0-9a-f-]{36}$/),
  pid: whole(0, 2 ** 22),
  start: whole(0, Number.MAX_SAFE_INTEGER),
  name: where(text(/^/), isInstanceName, "an instance's name"),
});

/** The kernel's number of a network interface. */
export const ifindex: Check<number> = whole(1, 2 ** 31 - 1);

/** A tap that another process has open, not QEMU. */
export const heldTap: Check<HeldTap> = openObject({
  way: word("held"),
  name: text(FOUND_INTERFACE),
  ifindex,
});

/** The place of an instance's own record, in the form that steps use. */
export function ownPlace(
  { runDir, lockKey }: Pick<InstancePaths, "runDir" | "lockKey">,
): Check<Pick<InstancePaths, "runDir" | "lockKey">> {
  return object({ runDir: word(runDir), lockKey: word(lockKey) });
}

const note = openObject({ kind: kindWord });

/**
 * Data of one device that the runtime file cannot hold; its kind knows the
 * other members.
 */
export interface OwnDevice extends Of<typeof note> {
  /** How QEMU opens a disk; undefined: by fdset or path. */
  readonly via?: Via;
  /**
   * The change that must be undone when the device is gone, whatever process
   * runs then.
   */
  readonly access?: AccessRecord;
  readonly pending?: PendingRemoval;
  readonly replug?: AskedRelease;
  /**
   * Words of `kvm_cmd` that were added for the device: options, each with
   * value.
   */
  readonly words?: readonly string[];
  readonly [member: string]: unknown;
}

/** Checks of the notes about a device, by the word of its kind. */
export type NoteChecks = ReadonlyMap<string, Check<OwnDevice>>;

const VERSION = 1;

/**
 * The name of a device in a record: its uuid in lower case, or, for a device
 * without a uuid, its device id.
 */
export const noteKey = either(uuidKey, qemuId);

/**
 * A record in the form of its file. Release 0.1 accepts only disks and NICs in
 * `devices`, and keeps unknown keys unchanged. Therefore the process for which
 * `byId` was written is noted beside it.
 */
export const recordFrame = openObject({ version: word(VERSION) }, {
  qemu: orNull(processIdentity),
  devices: dictionary(UUID_KEY, note),
  byId: dictionary(QEMU_ID, note),
  byIdFor: orNull(processIdentity),
});

/** The whole record of one instance. */
export interface OwnRecord {
  /** The process for which it was written; null if it was unknown. */
  readonly qemu: ProcessIdentity | null;
  /** By {@linkcode noteKey}. */
  readonly devices: Readonly<Record<string, OwnDevice>>;
  /** Keys of a later release, which are kept. */
  readonly more: Readonly<Record<string, unknown>>;
}

/**
 * The note about a device.
 *
 * @param key its uuid, which may be any text of a runtime file, or its id
 */
export function noteOn(
  record: Pick<OwnRecord, "devices"> | undefined,
  key: string,
): OwnDevice | undefined {
  const { devices = {} } = record ?? {};
  return Object.hasOwn(devices, key) ? devices[key] : undefined;
}

/** The record of an instance without a record. */
export const EMPTY_RECORD: OwnRecord = { qemu: null, devices: {}, more: {} };
