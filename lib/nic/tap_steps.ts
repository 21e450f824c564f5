/**
 * Steps on this node: taps and their fds, and the NIC files that name them.
 *
 * @module
 */

import { waitForKernel } from "../engine/kernel_wait.ts";
import {
  FOR_QEMU,
  LOOK_AT_QEMU,
  ON_NODE,
  stepCheck,
  type Value,
  WITHIN,
} from "../engine/verbs.ts";
import { defineStep, type World } from "../engine/world.ts";
import { FOUND_INTERFACE, INTERFACE_NAME } from "../host/network_words.ts";
import {
  changeNicFiles,
  makeNicDirectory,
  type NicFiles,
  readNicFiles,
  removeNicDirectory,
  usableFiles,
} from "../host/nic_file.ts";
import { openFiles, tapsOf } from "../host/process.ts";
import { type Holder, holdersOf, isSameTap } from "../host/tap_holders.ts";
import {
  interfaceExists,
  isPersistent,
  keepTap,
  openTap,
  openVhostNet,
  removeKeptTap,
} from "../host/tap.ts";
import { heldTap } from "../plan/compare_own.ts";
import { leaveHeld } from "./held_tap.ts";
import { keptTap } from "./note.ts";
import { ifindex, ownPlace, processIdentity } from "../state/own_check.ts";
import {
  dictionary,
  either,
  LINE,
  object,
  type Of,
  orNull,
  text,
  whole,
  word,
} from "../state/value_check.ts";

/** An existing tap: another program may have named it. */
export const foundTap = text(FOUND_INTERFACE);

/** The name that the kernel gave to the new tap. */
export const TAP_VALUE: Value = {
  name: "tap",
  check: foundTap,
  // The process that made it is gone: another tap may have the name now. If no
  // tap has it, network entries with this name are a rest of ours.
  isOurs: (tap, pid) =>
    !interfaceExists(tap) ||
    (pid !== null && tapsOf(openFiles(pid)).has(tap)),
  member: "tap",
};

/**
 * The name of the tap in place of a removed one: in memory only, because a
 * later process sees which tap QEMU has.
 */
export const BACK_TAP: Value = { name: "tap that came back" };

/** A tap's name, or a reference to the name of the new tap. */
export const tapName = either(foundTap, object({ value: word("tap") }));

/** A tap's name, `{"value":"tap"}` for the new tap. */
export type TapName = Of<typeof tapName>;

/** The form of a tap; `on`: virtio-net headers, if the kernel has them. */
export const tapForm = { queues: whole(1, 64), vnetHdr: word("on", "off") };

function queuesText(queues: number): string {
  return `${queues} queue${queues === 1 ? "" : "s"}`;
}

async function untilGone(tap: string, isGone: () => boolean): Promise<void> {
  await waitForKernel(isGone, `tap ${tap} to vanish`);
}

/** Makes a tap with an fd per queue, then called `tap:0`, `tap:1`, … */
const checkOpenTap = stepCheck("open-tap", {
  // Null for the kernel's choice.
  name: orNull(text(INTERFACE_NAME)),
  ...tapForm,
});

const OPEN_TAP_STEP = defineStep({
  check: checkOpenTap,
  traits: () => FOR_QEMU,
  finds: [TAP_VALUE],
  do(step, world) {
    const tap = openTap(step);
    world.values.set(TAP_VALUE, tap.name);
    tap.fds.forEach((fd, queue) => world.keepFd(`tap:${queue}`, fd));
  },
  async undo(_step, world) {
    world.closeFds("tap:");
    const tap = world.values.get(TAP_VALUE);
    if (tap !== undefined) await untilGone(tap, () => !interfaceExists(tap));
  },
  confirm: (_step, world) => {
    const tap = world.values.get(TAP_VALUE);
    return tap !== undefined && interfaceExists(tap);
  },
  describe: ({ name, queues, vnetHdr }) => ({
    step: "make a tap",
    host: `make tap ${name ?? "(named by the kernel)"} with ${
      queuesText(queues)
    }${vnetHdr === "on" ? " and virtio-net headers" : ""}`,
    undo: "close it; the kernel then removes it",
  }),
});

/** Opens /dev/vhost-net once per queue: `vhost:0`, `vhost:1`, … */
const checkOpenVhost = stepCheck("open-vhost", { queues: tapForm.queues });

const OPEN_VHOST_STEP = defineStep({
  check: checkOpenVhost,
  traits: () => WITHIN,
  do({ queues }, world) {
    for (let queue = 0; queue < queues; queue++) {
      world.keepFd(`vhost:${queue}`, openVhostNet());
    }
  },
  undo: (_step, world) => world.closeFds("vhost:"),
  confirm: (_step, world) => world.hasFd("vhost:0"),
  describe: ({ queues }) => ({
    step: "open the kernel's virtio-net accelerator",
    host: `open /dev/vhost-net, ${queues} time${queues === 1 ? "" : "s"}`,
    undo: "close it",
  }),
});

/** The name of a NIC file. */
export const SEQ: RegExp = /^\d{1,3}$/;

/** Changes the files `nic/INSTANCE/SEQ` from one content to another. */
const checkNicFiles = stepCheck("nic-files", ({ paths }) => ({
  directory: word(paths.nicDir ?? "none"),
  // `missing`: the directory is made, and removed again by the undo.
  directoryWas: word("there", "missing"),
  // A file in only one of them is made or removed.
  before: dictionary(SEQ, text(LINE)),
  after: dictionary(SEQ, tapName),
}));

/** Changes the NIC files from one content to another. */
export type NicFilesStep = Of<typeof checkNicFiles>;

function resolve(files: NicFilesStep["after"], world: World): NicFiles {
  return Object.fromEntries(
    Object.entries(files).map(([name, tap]) => [
      name,
      typeof tap === "string" ? tap : world.value(TAP_VALUE),
    ]),
  );
}

function formatFiles(files: NicFilesStep["after"]): string {
  const parts = Object.entries(files).map(([name, tap]) =>
    `${name}: ${typeof tap === "string" ? tap : "the new tap"}`
  );
  return parts.join(", ") || "none";
}

const NIC_FILES_STEP = defineStep({
  check: checkNicFiles,
  traits: () => ({ ...FOR_QEMU, without: "void-after-restart" }),
  do({ directory, before, after }, world) {
    makeNicDirectory(directory);
    const to = resolve(after, world);
    changeNicFiles(directory, { from: before, to });
  },
  undo({ directory, directoryWas, before, after }) {
    if (readNicFiles(directory).state === "missing") return;
    changeNicFiles(directory, { from: after, to: before });
    if (directoryWas === "missing") removeNicDirectory(directory);
  },
  confirm(step, world) {
    const now = usableFiles(readNicFiles(step.directory)) ?? {};
    const after = resolve(step.after, world);
    return Object.keys({ ...step.before, ...after })
      .every((name) => now[name] === after[name]);
  },
  describe: ({ directory, before, after }) => ({
    step: "write the NIC files",
    host: `in ${directory}: ${formatFiles(after)}`,
    undo: `in ${directory}: ${formatFiles(before)}`,
  }),
});

/** Waits until the kernel has removed a tap. */
const checkAwaitTapGone = stepCheck(
  "await-tap-gone",
  { tap: foundTap },
  ({ paths }) => ({
    // Missing if it could not be seen.
    ifindex,
    // The record in which a tap that stays is noted.
    own: object({ place: ownPlace(paths), qemu: orNull(processIdentity) }),
  }),
);

/** Waits until the kernel has removed a tap. */
export type AwaitTapGoneStep = Of<typeof checkAwaitTapGone>;

/** A tap that was made to stay outlives the NIC. */
function isReleased({ tap: name, ifindex }: AwaitTapGoneStep): boolean {
  const isThere = ifindex === undefined
    ? interfaceExists(name)
    : isSameTap({ name, ifindex });
  return !isThere || isPersistent(name);
}

/** The time that QEMU may take to close a tap, in milliseconds. */
const CLOSE_MS = 200;

/** The other processes that have a tap open; none while QEMU has it open. */
function others(tap: string, world: World): Holder[] {
  const holders = holdersOf(tap);
  const { pid: qemu } = world.qmp.peer();
  return holders.some(({ pid }) => pid === qemu) ? [] : holders;
}

const AWAIT_TAP_GONE_STEP = defineStep({
  check: checkAwaitTapGone,
  // It disappears with QEMU: another VM's tap may have the name by then.
  traits: () => LOOK_AT_QEMU,
  async do(step, world) {
    const { tap: name, ifindex, own } = step;
    let held: readonly Holder[] = [];
    const since = performance.now();
    await untilGone(name, () => {
      if (isReleased(step)) return true;
      if (performance.now() - since < CLOSE_MS) return false;
      held = others(name, world);
      return held.length > 0;
    });
    if (held.length === 0) return;
    if (ifindex === undefined || own === undefined) {
      return world.leave(heldTap(name, held));
    }
    await leaveHeld({ way: "held", name, ifindex }, held, { own, world });
  },
  undo() {},
  confirm: isReleased,
  describe: ({ tap }) => ({
    step: "make sure that the tap is gone",
    host: `look for /sys/class/net/${tap}`,
    undo: null,
  }),
});

/** Makes a tap that stays, for QEMU to open by its name. */
const checkMakeTap = stepCheck("make-tap", {
  // In the form in which it was recorded before.
  tap: keptTap,
  ...tapForm,
});

const MAKE_TAP_STEP = defineStep({
  check: checkMakeTap,
  traits: () => FOR_QEMU,
  finds: [TAP_VALUE],
  do({ tap, queues, vnetHdr }, world) {
    keepTap({ ...tap, queues, vnetHdr });
    world.values.set(TAP_VALUE, tap.name);
  },
  undo: ({ tap }) => removeKeptTap(tap),
  confirm: ({ tap }) => interfaceExists(tap.name),
  describe: ({ tap: { name, uid }, queues }) => ({
    step: "make a tap for QEMU to open",
    host: `make tap ${name}, persistent, for uid ${uid}, with ${
      queuesText(queues)
    }`,
    undo: `remove tap ${name}`,
  }),
});

/** Removes such a tap. */
const checkRemoveTap = stepCheck("remove-tap", { tap: keptTap });

const REMOVE_TAP_STEP = defineStep({
  check: checkRemoveTap,
  traits: () => ON_NODE,
  do: ({ tap }) => removeKeptTap(tap),
  // QEMU has closed its backend: a tap alone does not bring the NIC back.
  undo() {},
  confirm: ({ tap }) => !interfaceExists(tap.name),
  describe: ({ tap: { name, uid } }) => ({
    step: "remove the tap that was made for QEMU",
    host: `remove tap ${name}, if it is still uid ${uid}'s`,
    undo: null,
  }),
});

/** Their kinds. */
export const TAP_STEPS = [
  OPEN_TAP_STEP,
  OPEN_VHOST_STEP,
  NIC_FILES_STEP,
  AWAIT_TAP_GONE_STEP,
  MAKE_TAP_STEP,
  REMOVE_TAP_STEP,
];
