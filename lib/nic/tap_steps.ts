/**
 * Steps on this node: fds, taps, the network, NIC files, what QEMU holds.
 *
 * @module
 */

import { KERNEL_TIMEOUT_MS, until } from "../engine/until.ts";
import { defineStep, type StepKind, type World } from "../engine/world.ts";
import type { KeptTap } from "../host/access_record.ts";
import {
  changeNicFiles,
  makeNicDirectory,
  type NicFiles,
  readNicFiles,
  removeNicDirectory,
  usableFiles,
} from "../host/nic_file.ts";
import {
  interfaceExists,
  isPersistent,
  keepTap,
  openTap,
  openVhostNet,
  removeKeptTap,
} from "../host/tap.ts";
import {
  type AwaitTapGoneStep,
  checkMakeTap,
  checkNicFiles,
  checkOpenTap,
  checkOpenVhost,
  checkRemoveTap,
  checkTapGone,
  type NicFilesStep,
  type OpenTapStep,
  type OpenVhostStep,
  TAP_VALUE,
  type TapName,
} from "./step_types.ts";
import { FOR_QEMU, ON_NODE } from "../engine/verbs.ts";

/** Makes a tap that stays, for QEMU to open by its name. */
export interface MakeTapStep {
  /** {@linkcode MAKE_TAP_STEP}. */
  readonly kind: "make-tap";
  /** What was recorded before. */
  readonly tap: KeptTap;
  /** Queue pairs, 1 to 32. */
  readonly queues: number;
  /** `on`: virtio-net headers, where the kernel has them. */
  readonly vnetHdr: "on" | "off";
}

/** Removes such a tap. */
export interface RemoveTapStep {
  /** {@linkcode REMOVE_TAP_STEP}. */
  readonly kind: "remove-tap";
  /** What was recorded when it was made. */
  readonly tap: KeptTap;
}

/** The step that makes a tap. */
export const OPEN_TAP_STEP: StepKind = defineStep<OpenTapStep>({
  kind: "open-tap",
  check: () => checkOpenTap,
  traits: () => FOR_QEMU,
  finds: [TAP_VALUE],
  async do(step, world) {
    const tap = await Promise.resolve(openTap(step));
    world.values.set(TAP_VALUE, tap.name);
    tap.fds.forEach((fd, queue) => world.keepFd(`tap:${queue}`, fd));
  },
  async undo(_step, world) {
    world.closeFds("tap:");
    const tap = world.values.get(TAP_VALUE);
    if (tap === undefined) return;
    await until(() => !interfaceExists(tap), {
      timeoutMs: KERNEL_TIMEOUT_MS,
      what: `tap ${tap} to vanish`,
    });
  },
  confirm: (_step, world) => {
    const tap = world.values.get(TAP_VALUE);
    const there = tap !== undefined && interfaceExists(tap);
    return Promise.resolve(there ? "done" : "not-done");
  },
  describe: ({ name, queues, vnetHdr }) => ({
    step: "make a tap",
    qmp: null,
    host: `make tap ${name ?? "(named by the kernel)"} with ${queues} queue${
      queues === 1 ? "" : "s"
    }${vnetHdr === "on" ? " and virtio-net headers" : ""}`,
    undo: "close it; the kernel then removes it",
  }),
});

/** The step that opens the accelerator. */
export const OPEN_VHOST_STEP: StepKind = defineStep<OpenVhostStep>({
  kind: "open-vhost",
  check: () => checkOpenVhost,
  traits: () => ON_NODE,
  async do(step, world) {
    for (let queue = 0; queue < step.queues; queue++) {
      world.keepFd(`vhost:${queue}`, openVhostNet());
    }
    await Promise.resolve();
  },
  async undo(_step, world) {
    await Promise.resolve(world.closeFds("vhost:"));
  },
  confirm: (_step, world) => Promise.resolve(world.effectOfFd("vhost:0")),
  describe: ({ queues }) => ({
    step: "open the kernel's virtio-net accelerator",
    qmp: null,
    host: `open /dev/vhost-net, ${queues} time${queues === 1 ? "" : "s"}`,
    undo: "close it",
  }),
});

function resolve(
  files: Readonly<Record<string, TapName>>,
  world: World,
): NicFiles {
  return Object.fromEntries(
    Object.entries(files).map(([name, tap]) => [
      name,
      typeof tap === "string" ? tap : world.value(TAP_VALUE),
    ]),
  );
}

function formatFiles(files: Readonly<Record<string, TapName>>): string {
  const parts = Object.entries(files).map(([name, tap]) =>
    `${name}: ${typeof tap === "string" ? tap : "the new tap"}`
  );
  return parts.join(", ") || "none";
}

/** The step that writes NIC files. */
export const NIC_FILES_STEP: StepKind = defineStep<NicFilesStep>({
  kind: "nic-files",
  check: checkNicFiles,
  traits: () => ({ ...FOR_QEMU, without: "void-after-restart" }),
  async do(step, world) {
    makeNicDirectory(step.directory);
    const to = resolve(step.after, world);
    await Promise.resolve(
      changeNicFiles(step.directory, { from: step.before, to }),
    );
  },
  async undo(step) {
    if (readNicFiles(step.directory).state === "missing") return;
    // Only names count in `from`: these files are there now.
    const from = Object.fromEntries(
      Object.keys(step.after).map((name) => [name, ""]),
    );
    changeNicFiles(step.directory, { from, to: step.before });
    if (step.directoryWas === "missing") removeNicDirectory(step.directory);
    await Promise.resolve();
  },
  confirm: (step, world) => {
    const now = usableFiles(readNicFiles(step.directory)) ?? {};
    const after = resolve(step.after, world);
    const done = Object.keys({ ...step.before, ...after })
      .every((name) => now[name] === after[name]);
    return Promise.resolve(done ? "done" : "not-done");
  },
  describe: (step) => ({
    step: "write the NIC files",
    qmp: null,
    host: `in ${step.directory}: ${formatFiles(step.after)}`,
    undo: `in ${step.directory}: ${formatFiles(step.before)}`,
  }),
});

/** A tap that was made to stay outlives the NIC. */
function isReleased(tap: string): boolean {
  return !interfaceExists(tap) || isPersistent(tap);
}

/** The step that waits until a tap is gone. */
export const AWAIT_TAP_GONE_STEP: StepKind = defineStep<AwaitTapGoneStep>({
  kind: "await-tap-gone",
  check: () => checkTapGone,
  traits: () => ON_NODE,
  async do({ tap }) {
    await until(() => isReleased(tap), {
      timeoutMs: KERNEL_TIMEOUT_MS,
      what: `tap ${tap} to vanish`,
    });
  },
  async undo() {},
  confirm: ({ tap }) => Promise.resolve(isReleased(tap) ? "done" : "not-done"),
  describe: ({ tap }) => ({
    step: "make sure that the tap is gone",
    qmp: null,
    host: `look for /sys/class/net/${tap}`,
    undo: null,
  }),
});

/** The step that makes a tap that stays. */
export const MAKE_TAP_STEP: StepKind = defineStep<MakeTapStep>({
  kind: "make-tap",
  check: () => checkMakeTap,
  traits: () => FOR_QEMU,
  finds: [TAP_VALUE],
  async do({ tap, queues, vnetHdr }, world) {
    await Promise.resolve(keepTap({ ...tap, queues, vnetHdr }));
    world.values.set(TAP_VALUE, tap.name);
  },
  async undo({ tap }) {
    await Promise.resolve(removeKeptTap(tap));
  },
  confirm: ({ tap }) =>
    Promise.resolve(interfaceExists(tap.name) ? "done" : "not-done"),
  describe: ({ tap: { name, uid }, queues }) => ({
    step: "make a tap for QEMU to open",
    qmp: null,
    host: `make tap ${name}, persistent, for uid ${uid}, with ${queues} queue${
      queues === 1 ? "" : "s"
    }`,
    undo: `remove tap ${name}`,
  }),
});

/** The step that removes such a tap. */
export const REMOVE_TAP_STEP: StepKind = defineStep<RemoveTapStep>({
  kind: "remove-tap",
  check: () => checkRemoveTap,
  traits: () => ON_NODE,
  async do({ tap }) {
    await Promise.resolve(removeKeptTap(tap));
  },
  // QEMU has let go of its backend: a tap alone brings the NIC not back.
  async undo() {},
  confirm: ({ tap }) =>
    Promise.resolve(interfaceExists(tap.name) ? "not-done" : "done"),
  describe: ({ tap: { name, uid } }) => ({
    step: "remove the tap that was made for QEMU",
    qmp: null,
    host: `remove tap ${name}, if it is still uid ${uid}'s`,
    undo: null,
  }),
});
