/**
 * Steps on this node: fds, taps, the network, NIC files, what QEMU holds.
 *
 * @module
 */

import {
  changeNicFiles,
  makeNicDirectory,
  type NicFiles,
  readNicFiles,
  removeNicDirectory,
  usableFiles,
} from "../host/nic_file.ts";
import { holds } from "../host/process.ts";
import { openSource } from "../host/source.ts";
import {
  interfaceExists,
  isPersistent,
  openTap,
  openVhostNet,
} from "../host/tap.ts";
import type {
  AwaitTapGoneStep,
  NicFilesStep,
  OpenTapStep,
  OpenVhostStep,
  TapName,
} from "./steps.ts";
import type {
  AwaitReleaseStep,
  Effect,
  OpenSourceStep,
  Verbs,
} from "../operation/step.ts";
import { until } from "../engine/until.ts";
import type { World } from "../engine/world.ts";

/** Longest wait for the kernel to follow QEMU, in milliseconds. */
const KERNEL_TIMEOUT_MS = 2_000;

/** An fd is ours alone: with the process that opened it, it is gone. */
function held(name: string, world: World): Effect {
  return world.heldFd(name) === undefined ? "not-done" : "done";
}

const openSourceVerbs: Verbs<OpenSourceStep> = {
  async do(step, world) {
    const { pin = "source-pin" } = step;
    const pinned = world.heldFd(pin);
    world.keepFd("source", await openSource(step.path, step, pinned));
    world.closeFd(pin);
  },
  async undo(_step, world) {
    await Promise.resolve(world.closeFd("source"));
  },
  confirm: (_step, world) => Promise.resolve(held("source", world)),
  describe: ({ path, access, direct }) => ({
    step: "open the source for QEMU",
    qmp: null,
    host: `open ${path} ${access === "rw" ? "read-write" : "read-only"}${
      direct ? " past the page cache (O_DIRECT)" : ""
    }`,
    undo: "close it",
  }),
};

const openTapVerbs: Verbs<OpenTapStep> = {
  async do(step, world) {
    const tap = await Promise.resolve(openTap(step));
    world.values.set("tap", tap.name);
    tap.fds.forEach((fd, queue) => world.keepFd(`tap:${queue}`, fd));
  },
  async undo(_step, world) {
    world.closeFds("tap:");
    const tap = world.values.get("tap");
    if (tap === undefined) return;
    await until(() => !interfaceExists(tap), {
      timeoutMs: KERNEL_TIMEOUT_MS,
      what: `tap ${tap} to vanish`,
    });
  },
  confirm: (_step, world) => {
    const tap = world.values.get("tap");
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
};

const openVhostVerbs: Verbs<OpenVhostStep> = {
  async do(step, world) {
    for (let queue = 0; queue < step.queues; queue++) {
      world.keepFd(`vhost:${queue}`, openVhostNet());
    }
    await Promise.resolve();
  },
  async undo(_step, world) {
    await Promise.resolve(world.closeFds("vhost:"));
  },
  confirm: (_step, world) => Promise.resolve(held("vhost:0", world)),
  describe: ({ queues }) => ({
    step: "open the kernel's virtio-net accelerator",
    qmp: null,
    host: `open /dev/vhost-net, ${queues} time${queues === 1 ? "" : "s"}`,
    undo: "close it",
  }),
};

function resolve(
  files: Readonly<Record<string, TapName>>,
  world: World,
): NicFiles {
  return Object.fromEntries(
    Object.entries(files).map(([name, tap]) => [
      name,
      typeof tap === "string" ? tap : world.value(tap.value),
    ]),
  );
}

function formatFiles(files: Readonly<Record<string, TapName>>): string {
  const parts = Object.entries(files).map(([name, tap]) =>
    `${name}: ${typeof tap === "string" ? tap : "the new tap"}`
  );
  return parts.join(", ") || "none";
}

const nicFiles: Verbs<NicFilesStep> = {
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
};

const awaitRelease: Verbs<AwaitReleaseStep> = {
  async do(step, world) {
    const { pid, identity } = step;
    try {
      await until(() => !holds(pid, identity), {
        timeoutMs: KERNEL_TIMEOUT_MS,
        what: `QEMU (pid ${pid}) to close the disk`,
      });
    } catch (error) {
      const { otherUser } = await import("../disk/source_steps.ts");
      const other = await otherUser(step, world);
      if (other === undefined) throw error;
      world.leftAlone.push(other);
    }
  },
  async undo() {},
  confirm: ({ pid, identity }) =>
    Promise.resolve(holds(pid, identity) ? "not-done" : "done"),
  describe: ({ pid }) => ({
    step: "make sure that QEMU has closed the disk",
    qmp: null,
    host: `look through /proc/${pid}/fd`,
    undo: null,
  }),
};

/** A tap that was made to stay outlives the NIC. */
function isReleased(tap: string): boolean {
  return !interfaceExists(tap) || isPersistent(tap);
}

const awaitTapGone: Verbs<AwaitTapGoneStep> = {
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
};

/** The verbs of the steps on this node. */
export const hostVerbs = {
  "open-source": openSourceVerbs,
  "open-tap": openTapVerbs,
  "open-vhost": openVhostVerbs,
  "nic-files": nicFiles,
  "await-release": awaitRelease,
  "await-tap-gone": awaitTapGone,
} as const;
