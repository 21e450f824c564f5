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
  qemuId,
  text,
  UUID_KEY,
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
  readonly [member: string]: unknown;
}

/** Checks of what is noted of a device, by the word of its kind. */
export type NoteChecks = ReadonlyMap<string, Check<OwnDevice>>;

const VERSION = 1;

/** A record, as it stands in its file. */
export const recordFrame = openObject({ version: word(VERSION) }, {
  qemu: orNull(processIdentity),
  devices: dictionary(UUID_KEY, note),
});

/** All that is recorded of one instance. */
export interface OwnRecord {
  /** Whom it was written for; null if that could not be told. */
  readonly qemu: ProcessIdentity | null;
  /** By uuid, in lower case. */
  readonly devices: Readonly<Record<string, OwnDevice>>;
  /** Keys of a later release, which stay. */
  readonly more: Readonly<Record<string, unknown>>;
}

/** What is noted of a device; its uuid may be any text of a runtime file. */
export function noteOn(
  record: Pick<OwnRecord, "devices"> | undefined,
  uuid: string,
): OwnDevice | undefined {
  const { devices = {} } = record ?? {};
  return Object.hasOwn(devices, uuid) ? devices[uuid] : undefined;
}

/** What is known of an instance nothing was recorded of. */
export const EMPTY_RECORD: OwnRecord = { qemu: null, devices: {}, more: {} };
