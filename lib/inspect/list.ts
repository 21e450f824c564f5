/**
 * The devices of an instance, from file, QEMU and node. A question: it changes
 * nothing.
 *
 * @module
 */

import type { Reach } from "../engine/options.ts";
import type { DeviceView } from "../engine/plan.ts";
import { inSpiteOf, type Remark, remark, remarkOf } from "../errors.ts";
import { isListenedTo } from "../host/connected_sockets.ts";
import { findQemu } from "../host/process.ts";
import { isDown, nothingChanged } from "../monitor/failure.ts";
import {
  type MonitorOptions,
  openInstanceMonitor,
} from "../monitor/monitor.ts";
import type { Difference } from "../plan/difference.ts";
import { nicFilesOf, type QemuFacts, readRecord } from "../plan/facts.ts";
import { pendingRemark } from "../plan/compare_own.ts";
import { noteFor } from "../plan/recorded.ts";
import { allStrays, strayView } from "../plan/strays.ts";
import { loadKinds } from "../kinds.ts";
import type { Kind } from "../plan/kind.ts";
import { qemuView, type ViewFacts } from "../plan/view.ts";
import { type InstancePaths, instancePaths } from "../state/instance.ts";
import type { RecordedDevice, Runtime } from "../state/runtime.ts";
import type { RuntimeContent } from "../state/runtime_file.ts";
import { readUidText } from "../state/uid_file.ts";
import { libcFault } from "../sys/libc.ts";
import type { None, ObjectOf, Told } from "../words/json_schema.ts";
import { apartFrom, interrupted } from "./attention.ts";
import type { instanceMembers, listedDevice } from "./list_schema.ts";
import { lookWhole, readOwn, type WholeLook } from "./look_whole.ts";

/** A device, and the comparison of the three places for it. */
export type ListedDevice = Told<ReturnType<typeof listedDevice>>;

/** The result of the comparison for one device. */
export type DeviceStatus = ListedDevice["status"];

/** One instance's devices. */
export interface InstanceListing
  extends ObjectOf<ReturnType<typeof instanceMembers>, None> {
  /** Remarks that do not prevent the list. */
  readonly warnings: readonly Remark[];
}

/** Options for listing an instance. */
export type ListOptions = Reach & MonitorOptions;

/** Whether a difference belongs to a device. */
export function isAbout(
  { device }: Difference,
  { kind, index, id }: Pick<DeviceView, "kind" | "index" | "id">,
): boolean {
  return device?.kind === kind && device.index === index &&
    (index !== null || device.id === id);
}

/** The status of a recorded device from its differences. */
function statusOf(
  isPending: boolean,
  mine: readonly Difference[],
): DeviceStatus {
  if (mine.some(({ code }) => ABSENT.includes(code))) return "not-in-qemu";
  if (isPending) return "pending-removal";
  return mine.length > 0 ? "differs" : "ok";
}

/** Codes of differences of devices that QEMU does not have. */
export const ABSENT: readonly string[] = ["no-device-id", "not-in-qemu"];

/**
 * The devices of file and QEMU, and their comparison. Pure.
 *
 * @param options.unasked the status of each device if QEMU was not asked
 * @param options.stray the status of each device that only QEMU has
 * @param options.differences none if QEMU was not asked
 */
export function listDevices(
  runtime: Runtime,
  facts: ViewFacts,
  { unasked = "not-in-qemu", stray = "not-recorded", paths, ...about }: {
    readonly paths: Pick<InstancePaths, "name" | "reachedBy">;
    readonly unasked?: DeviceStatus;
    readonly stray?: DeviceStatus;
    readonly differences: readonly Difference[];
    readonly kinds: readonly Pick<
      Kind,
      "word" | "recorded" | "view" | "blank" | "strays"
    >[];
  },
): ListedDevice[] {
  const { qemu, own } = facts;
  const { differences, kinds } = about;
  const pendingOf = (one: RecordedDevice) => {
    const { id } = one.hvinfo;
    const pending = noteFor(own?.record, one)?.pending;
    return id !== undefined && pending?.id === id ? pending : undefined;
  };
  const told = (device: DeviceView) =>
    differences.filter((one) => isAbout(one, device));
  const recorded = kinds.flatMap((kind) =>
    kind.recorded(runtime).map((entry): ListedDevice => {
      const device = kind.view(entry, facts);
      const mine = told(device);
      const pending = pendingOf(entry);
      const status = qemu === undefined
        ? unasked
        : statusOf(pending !== undefined, mine);
      const waits = pending && status === "pending-removal"
        ? [pendingRemark(pending, entry, paths)]
        : [];
      const live = Object.assign({}, ...mine.map((one) => one.view));
      const all = [...waits, ...mine.map(remarkOf)];
      return { ...device, ...live, status, differences: all };
    })
  );
  if (qemu === undefined) return recorded;
  const strays = allStrays(qemu, runtime, kinds)
    .filter(({ has }) => has === "device");
  const blank = { blank: {} };
  return [
    ...recorded,
    ...strays.map((one): ListedDevice => {
      const kind = kinds.find(({ word }) => word === one.kind);
      const device = strayView(one, qemu, kind ?? blank);
      const mine = told(device).map(remarkOf);
      return { ...device, status: stray, differences: mine };
    }),
  ];
}

/** Why QEMU has no answer. */
interface NoAnswer {
  readonly why: Remark;
  readonly running: boolean;
}

/** The answers of QEMU and this node; no differences if QEMU was not asked. */
interface Looked extends Omit<WholeLook, "qemu" | "confinement"> {
  readonly qemu: QemuFacts | NoAnswer;
  readonly confinement?: WholeLook["confinement"];
}

/** Without QEMU only the file is listed; this needs no FFI. */
async function withoutQemu(
  paths: InstancePaths,
  qemu: NoAnswer,
): Promise<Looked> {
  const { own, warnings } = await readOwn(paths, undefined);
  const nicFiles = nicFilesOf(paths);
  return { nicFiles, qemu, own, differences: [], warnings };
}

/** Whether Ganeti's pid file leads to its QEMU, the owner of this monitor. */
function runs({ isDerived, pid, name }: InstancePaths): boolean {
  return isDerived && findQemu(pid, name) !== undefined;
}

async function lookAround(
  paths: InstancePaths,
  content: RuntimeContent,
  options: ListOptions,
): Promise<Looked> {
  const fault = libcFault();
  if (fault !== undefined) {
    const running = runs(paths) || isListenedTo(paths.qmp);
    return await withoutQemu(paths, { why: remarkOf(fault), running });
  }
  try {
    using qmp = await openInstanceMonitor(paths, options);
    return await lookWhole(qmp, { paths, content });
  } catch (error) {
    if (!isDown(error)) throw nothingChanged(error);
    const running = runs(paths);
    const why = running
      ? {
        ...remarkOf(error),
        message: `${error.message}, although the VM runs`,
      }
      : remark("not-running", "the VM does not run");
    return await withoutQemu(paths, { why, running });
  }
}

/**
 * The devices of one instance, from file and QEMU. A VM that does not run is
 * listed from its file, a VM without a file from QEMU.
 *
 * @throws {HotplugError} status 3 or 4
 */
export async function listInstance(
  instance: string,
  options: ListOptions,
): Promise<InstanceListing> {
  const paths = instancePaths(options.runDir, instance, options);
  const { content, fault } = readRecord({ kind: "instance", paths });
  const looked = await lookAround(paths, content, options);
  const { nicFiles, own, qemu: answer, warnings } = looked;
  const qemu = "why" in answer ? undefined : answer;
  const none = "why" in answer ? answer : undefined;
  if (fault !== undefined && qemu === undefined) throw fault;
  const { runtime } = content;
  const facts = { qemu, nicFiles, own, content };
  const isUnread = fault?.code === "bad-state-file";
  const left = interrupted(paths);
  const differences: readonly Difference[] = isUnread
    ? [remarkOf(fault)]
    : apartFrom(left, looked.differences);
  const kinds = await loadKinds();
  const devices = listDevices(runtime, facts, {
    unasked: none?.running ? "unasked" : "not-in-qemu",
    ...(isUnread && { stray: "unknown" }),
    ...{ paths, differences },
    kinds,
  });
  const totals = kinds.map((kind) => kind.totals?.(runtime, qemu));
  return {
    instance,
    running: none?.running ?? true,
    qemu: qemu === undefined
      ? null
      : qemuView(qemu, looked.confinement, readUidText(paths)),
    devices,
    differences: differences
      .filter((one) => !devices.some((device) => isAbout(one, device)))
      .map(remarkOf),
    ...Object.assign({}, ...totals),
    compared: qemu === undefined ? null : "whole",
    warnings: [
      ...(fault ? [inSpiteOf(fault, "the list shows QEMU's devices")] : []),
      ...(none
        ? [inSpiteOf(none.why, "the list shows the runtime file's devices")]
        : []),
      ...(left ? [left] : []),
      ...warnings,
    ],
  };
}
