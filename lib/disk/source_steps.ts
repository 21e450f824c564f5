/**
 * Steps on the file or device of a disk: opening it for QEMU, and waiting until
 * QEMU has closed it.
 *
 * @module
 */

import { type Remark, remark } from "../errors.ts";
import { waitForKernel } from "../engine/kernel_wait.ts";
import { LOOK_AT_QEMU, stepCheck, WITHIN } from "../engine/verbs.ts";
import { defineStep, type World } from "../engine/world.ts";
import { identitiesAt } from "../host/identity.ts";
import { holders, holds } from "../host/process.ts";
import { openSource } from "../host/source.ts";
import { FDSET_FDS } from "../qmp/block_queries.ts";
import { BLOCK } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import {
  absolute,
  LINE,
  type Of,
  text,
  whole,
  word,
} from "../state/value_check.ts";

const checkOpen = stepCheck("open-source", {
  path: absolute,
  // The identity that must be found there: {@linkcode identityOf}.
  identity: text(LINE),
  // Must agree with the block node's `read-only`.
  access: word("rw", "ro"),
  // O_DIRECT; must agree with the block node's `cache.direct`.
  direct: word(true, false),
}, {
  // Name of the O_PATH fd of the check. @default "source-pin"
  pin: text(/^[a-z0-9:-]{1,32}$/),
});

/** Opens a disk's source for QEMU; the fd is then called `source`. */
export type OpenSourceStep = Of<typeof checkOpen>;

const OPEN_SOURCE_STEP = defineStep({
  check: checkOpen,
  traits: () => ({ ...WITHIN, failing: "as-it-was" }),
  async do(step, world) {
    const { pin = "source-pin" } = step;
    const pinned = world.heldFd(pin);
    world.keepFd("source", await openSource(step.path, step, pinned));
    world.closeFd(pin);
  },
  undo: (_step, world) => world.closeFd("source"),
  confirm: (_step, world) => world.hasFd("source"),
  describe: ({ path, access, direct }) => ({
    step: "open the source for QEMU",
    host: `open ${path} ${access === "rw" ? "read-write" : "read-only"}${
      direct ? " past the page cache (O_DIRECT)" : ""
    }`,
    undo: "close it",
  }),
});

const checkRelease = stepCheck("await-release", {
  // QEMU's pid.
  pid: whole(1, 2 ** 22),
  // Identity of the disk: {@linkcode identityOf}.
  identity: text(LINE),
});

/** Waits until QEMU holds no fd of a disk any more. */
export type AwaitReleaseStep = Of<typeof checkRelease>;

/** One image can be in two drives of a VM, if neither of them writes. */
async function otherDrive(
  { pid, identity }: AwaitReleaseStep,
  { qmp }: World,
): Promise<Remark | undefined> {
  const drives = await ask(qmp, BLOCK);
  const leads = await identitiesAt(
    drives.map(({ file }) =>
      file.startsWith("/") ? `/proc/${pid}/root${file}` : null
    ),
  );
  const other = drives.find((_, i) => leads[i] === identity);
  if (other === undefined) return undefined;
  const { device, qdev, nodeName, file } = other;
  const drive = device || qdev || nodeName;
  return remark(
    "still-open",
    `QEMU still has ${file} open, for its drive ${drive}`,
    { hint: "do not remove the source before that drive is removed, too" },
  );
}

/** monitor_fdset_cleanup of QEMU 7.2 closes nothing while the VM is paused. */
async function fdSet(
  { pid, identity }: AwaitReleaseStep,
  { qmp }: World,
): Promise<Remark | undefined> {
  const sets = [...await ask(qmp, FDSET_FDS)];
  const open = [...holders(pid, identity)];
  // A block node uses a copy outside of the set.
  const [first, ...others] = open.map((fd) =>
    sets.find(([, fds]) => fds.includes(fd))?.[0]
  );
  if (first === undefined || others.includes(undefined)) return undefined;
  return remark(
    "still-open",
    `QEMU still has the disk open in fd set ${first}, which no drive uses`,
    {
      hint:
        "do not remove the source yet: resume the VM, then run repair, which closes the fd set",
    },
  );
}

const AWAIT_RELEASE_STEP = defineStep({
  check: checkRelease,
  traits: () => LOOK_AT_QEMU,
  async do(step, world) {
    const { pid, identity } = step;
    try {
      await waitForKernel(
        () => !holds(pid, identity),
        `QEMU (pid ${pid}) to close the disk`,
      );
    } catch (error) {
      const other = await otherDrive(step, world) ?? await fdSet(step, world);
      // Without a reason the disk may still be in use.
      if (other === undefined) throw error;
      world.leave(other);
    }
  },
  undo() {},
  confirm: ({ pid, identity }) => !holds(pid, identity),
  describe: ({ pid }) => ({
    step: "make sure that QEMU has closed the disk",
    host: `look through /proc/${pid}/fd`,
    undo: null,
  }),
});

/** The kinds of these steps. */
export const SOURCE_STEPS = [OPEN_SOURCE_STEP, AWAIT_RELEASE_STEP];
