/**
 * The frame of the tool's own record. What is noted of a device, its kind
 * checks: INTERFACE, "Safety".
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

/** A time as we write it: ISO 8601, UTC. */
export const time = text(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/);

/** A word that names a kind of device. */
export const kindWord = text(/^[a-z][a-z0-9-]{0,31}$/);

/** A removal that the guest has not completed. */
export const pendingRemoval = openObject({
  id: qemuId,
  // When device_del was sent last.
  requestedAt: time,
  // What the user called the device, for messages.
  title: text(/^[ -\uffff]{1,256}$/),
});

/** Of a device that `adopt` recorded: only its id tells the begin of its uuid. */
export const inventedUuid = { invented: word(true) };

/** A removal that the guest has not completed. */
export type PendingRemoval = Of<typeof pendingRemoval>;

/**
 * When the guest was asked to release what is to be plugged anew, and did not:
 * it may do so later. `perhaps` it was not asked: the call was killed meanwhile.
 */
export const askedRelease = either(time, object({ perhaps: time }));

/** When the guest was asked for what is to be plugged anew. */
export type AskedRelease = Of<typeof askedRelease>;

/** Who a record or a journal was written for. */
export const processIdentity: Check<ProcessIdentity> = openObject({
  boot: text(/^[0-9a-f-]{36}$/),
  pid: whole(0, 2 ** 22),
  start: whole(0, Number.MAX_SAFE_INTEGER),
  name: where(text(/^/), isInstanceName, "an instance's name"),
});

/** The kernel's number of a network interface. */
export const ifindex: Check<number> = whole(1, 2 ** 31 - 1);

/** A tap that another process than QEMU has open. */
export const heldTap: Check<HeldTap> = openObject({
  way: word("held"),
  name: text(FOUND_INTERFACE),
  ifindex,
});

/** The place of an instance's own record, as steps have it. */
export function ownPlace(
  { runDir, lockKey }: Pick<InstancePaths, "runDir" | "lockKey">,
): Check<Pick<InstancePaths, "runDir" | "lockKey">> {
  return object({ runDir: word(runDir), lockKey: word(lockKey) });
}

const note = openObject({ kind: kindWord });

/** What the runtime file cannot hold of one device; its kind knows the rest. */
export interface OwnDevice extends Of<typeof note> {
  /** How QEMU reaches a disk; undefined: by fdset or path. */
  readonly via?: Via;
  /** What must be given back when the device is gone, whoever runs then. */
  readonly access?: AccessRecord;
  readonly pending?: PendingRemoval;
  readonly replug?: AskedRelease;
  /** Words of `kvm_cmd` that were put there for it: options, each with value. */
  readonly words?: readonly string[];
  readonly [member: string]: unknown;
}

/** Checks of what is noted of a device, by the word of its kind. */
export type NoteChecks = ReadonlyMap<string, Check<OwnDevice>>;

const VERSION = 1;

/**
 * Names a device in a record: its uuid in lower case, or, for a device that has
 * none, its device id.
 */
export const noteKey = either(uuidKey, qemuId);

/**
 * A record, as it stands in its file. Release 0.1 takes only disks and NICs in
 * `devices`, and keeps the keys that it does not know as they are: so whom
 * `byId` was written for must stand beside it.
 */
export const recordFrame = openObject({ version: word(VERSION) }, {
  qemu: orNull(processIdentity),
  devices: dictionary(UUID_KEY, note),
  byId: dictionary(QEMU_ID, note),
  byIdFor: orNull(processIdentity),
});

/** All that is recorded of one instance. */
export interface OwnRecord {
  /** Whom it was written for; null if that could not be told. */
  readonly qemu: ProcessIdentity | null;
  /** By {@linkcode noteKey}. */
  readonly devices: Readonly<Record<string, OwnDevice>>;
  /** Keys of a later release, which stay. */
  readonly more: Readonly<Record<string, unknown>>;
}

/**
 * What is noted of a device.
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

/** What is known of an instance nothing was recorded of. */
export const EMPTY_RECORD: OwnRecord = { qemu: null, devices: {}, more: {} };
