/**
 * The numbers about each instance of a node that a monitoring system needs. A
 * question: it changes nothing, and asks each QEMU once.
 *
 * @module
 */

import {
  type HotplugError,
  isDenied,
  named,
  type Remark,
  remarkOf,
} from "../errors.ts";
import { loadKinds, recordedDevices } from "../kinds.ts";
import type { Difference } from "../plan/difference.ts";
import type { KindName } from "../plan/kind.ts";
import { isPending, noteFor } from "../plan/recorded.ts";
import type { OwnRecord } from "../state/own_check.ts";
import type { RecordedDevice } from "../state/runtime.ts";
import type { AskOptions } from "./ask_instances.ts";
import type { Asked } from "./ask_one.ts";
import { apartFrom, attentionOf, interrupted } from "./attention.ts";
import { ABSENT, type DeviceStatus, isAbout, listDevices } from "./list.ts";
import { readOwn } from "./look_whole.ts";
import { countFreeSlots } from "./pci_map.ts";
import { type Reached, type Surveyed, surveyNode } from "./survey.ts";

/** The kind and the status of devices. */
export interface DeviceGroup {
  /** The word of the kind. */
  readonly kind: KindName["word"];
  /** `present`: QEMU has the device; nothing more was compared. */
  readonly status: DeviceStatus | "present";
}

/** A removal that the guest has not completed. */
export interface PendingRelease {
  readonly kind: KindName["word"];
  /** Device id. */
  readonly id: string;
  /** When the guest was last asked, in milliseconds since 1970. */
  readonly requestedAtMs: number;
}

/** The numbers about one instance. */
export interface InstanceMeasure {
  readonly instance: string;
  /** Null if only root can see it. */
  readonly running: boolean | null;
  readonly monitor: Asked["monitor"];
  /** QEMU's word; undefined if it did not answer. */
  readonly runState: string | undefined;
  /** Each recorded device; if all was compared, also others of QEMU. */
  readonly devices: readonly DeviceGroup[];
  readonly pending: readonly PendingRelease[];
  /** The codes of the differences. */
  readonly differences: readonly string[];
  /** The codes of the remarks that `list` shows. */
  readonly attention: readonly string[];
  readonly isInterrupted: boolean;
  /** The buses that support hotplug; undefined if QEMU did not answer. */
  readonly buses: ReturnType<typeof countFreeSlots> | undefined;
  /** Whether all of it could be read; a VM that does not run is no fault. */
  readonly isWhole: boolean;
}

/** The numbers about a node. */
export interface NodeMeasure {
  /** By name. */
  readonly instances: readonly InstanceMeasure[];
  /** Instances about which nothing can be said. */
  readonly lost: readonly string[];
  /** Why something is missing. */
  readonly warnings: readonly Remark[];
  /** Why the node could not be seen as a whole. */
  readonly fault?: HotplugError;
}

/** The status of a device where only presence was asked, or nothing. */
function presence(
  entry: RecordedDevice,
  { asked, running }: Surveyed,
  record: OwnRecord | undefined,
): DeviceGroup["status"] {
  if (asked.monitor !== "answered") {
    return running === false ? "not-in-qemu" : "unasked";
  }
  const { kind, index, hvinfo: { id = null } } = entry;
  const isAbsent = asked.differences.some((one) =>
    ABSENT.includes(one.code) && isAbout(one, { kind, index, id })
  );
  if (isAbsent) return "not-in-qemu";
  return isPending(record, entry) ? "pending-removal" : "present";
}

/** The unreadable runtime file. */
function unread({ runtime }: Surveyed["subject"]): Remark | undefined {
  return "code" in runtime && runtime.code === "bad-state-file"
    ? runtime
    : undefined;
}

/** The differences as `list INSTANCE` shows them. */
function differencesOf(
  { asked, subject }: Surveyed,
  left: Remark | undefined,
): readonly Difference[] {
  if (asked.monitor !== "answered") return [];
  const fault = unread(subject);
  return fault ? [fault] : apartFrom(left, asked.differences);
}

/** The tool's own record; none if it cannot be read. */
async function ownOf({ subject, asked }: Surveyed) {
  const { paths, process } = subject;
  if (asked.monitor === "answered" && asked.look) return asked.look;
  try {
    return await readOwn(paths, { process });
  } catch (error) {
    if (!isDenied(error)) throw error;
    return { own: undefined, warnings: [] };
  }
}

type Kinds = Awaited<ReturnType<typeof loadKinds>>;

/**
 * Each device and its status. As in `list`, drives that the VM was started with
 * are no disks; their differences are counted.
 */
function devicesOf(
  one: Surveyed,
  record: OwnRecord | undefined,
  { kinds, differences }: {
    readonly kinds: Kinds;
    readonly differences: readonly Difference[];
  },
): DeviceGroup[] {
  const { asked, subject: { runtime, paths } } = one;
  const look = asked.monitor === "answered" ? asked.look : undefined;
  if (look !== undefined) {
    const { content } = look;
    const stray = unread(one.subject) ? "unknown" : "not-recorded";
    const about = { paths, differences, kinds, stray } as const;
    return listDevices(content.runtime, look, about)
      .filter(({ index, status }) => index !== null || status === stray);
  }
  if ("code" in runtime) return [];
  return recordedDevices(runtime).filter(({ index }) => index !== null)
    .map((entry) => ({
      kind: entry.kind,
      status: presence(entry, one, record),
    }));
}

/** The noted removals of devices that QEMU still has. */
function pendingOf(
  one: Surveyed,
  record: OwnRecord | undefined,
): PendingRelease[] {
  const { runtime } = one.subject;
  if ("code" in runtime) return [];
  return recordedDevices(runtime).flatMap((entry) => {
    const { pending } = noteFor(record, entry) ?? {};
    const isAsked = one.asked.monitor === "answered";
    if (pending === undefined || !isPending(record, entry)) return [];
    if (isAsked && presence(entry, one, record) !== "pending-removal") {
      return [];
    }
    const requestedAtMs = Date.parse(pending.requestedAt);
    return [{ kind: entry.kind, id: pending.id, requestedAtMs }];
  });
}

async function measure(
  one: Surveyed,
  kinds: Kinds,
): Promise<InstanceMeasure> {
  const { asked, running, subject } = one;
  const { paths, runtime } = subject;
  const isAnswered = asked.monitor === "answered";
  const { own, warnings } = await ownOf(one);
  const left = interrupted(paths);
  const differences = differencesOf(one, left);
  const attention = await attentionOf(subject, asked);
  const isDown = asked.monitor === "none" && running === false;
  const known = "code" in runtime ? undefined : runtime;
  return {
    instance: paths.name,
    running,
    monitor: asked.monitor,
    runState: isAnswered ? asked.runState : undefined,
    devices: devicesOf(one, own?.record, { kinds, differences }),
    pending: pendingOf(one, own?.record),
    differences: differences.map(({ code }) => code),
    attention: attention.map(({ code }) => code),
    isInterrupted: left !== undefined,
    buses: isAnswered && asked.buses
      ? countFreeSlots({ qemu: asked.buses, runtime: known })
      : undefined,
    isWhole: !one.isHidden && known !== undefined && own !== undefined &&
      warnings.length === 0 && (isAnswered || isDown),
  };
}

/**
 * Measures all instances of a node. An instance that cannot be measured does
 * not prevent the others.
 *
 * @throws {HotplugError} as {@linkcode surveyNode}
 */
export async function measureNode(
  reached: Reached,
  options: AskOptions,
): Promise<NodeMeasure> {
  const kinds = await loadKinds();
  const asking = { ...options, buses: "wanted" } as const;
  const { instances: all, ...rest } = await surveyNode(
    reached,
    asking,
    async (one) => {
      try {
        return await measure(one, kinds);
      } catch (error) {
        const why = remarkOf(named(error));
        return { lost: one.subject.paths.name, why };
      }
    },
  );
  const lost = all.filter((one) => "why" in one);
  return {
    instances: all.filter((one) => "instance" in one),
    lost: lost.map((one) => one.lost),
    warnings: lost.map(({ why }) => why),
    ...rest,
  };
}
