/**
 * Why QEMU still has the file or device of a disk open that was let go.
 *
 * @module
 */

import { KERNEL_TIMEOUT_MS, until } from "../engine/until.ts";
import type { Effect, Verbs } from "../engine/verbs.ts";
import type { World } from "../engine/world.ts";
import type { LeftAlone } from "../host/access_record.ts";
import { identityAt } from "../host/identity.ts";
import { holders, holds } from "../host/process.ts";
import { openSource } from "../host/source.ts";
import { FDSET_FDS } from "../qmp/block_queries.ts";
import { BLOCK } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";

/** One image can lie in two drives of a VM, if neither of them writes. */
async function otherDrive(
  { pid, identity }: AwaitReleaseStep,
  { qmp }: World,
): Promise<LeftAlone | undefined> {
  const other = (await ask(qmp, BLOCK)).find(({ file }) =>
    file.startsWith("/") &&
    identityAt(`/proc/${pid}/root${file}`) === identity
  );
  if (other === undefined) return undefined;
  const { device, qdev, nodeName, file } = other;
  const drive = device || qdev || nodeName;
  return {
    what: `QEMU still has ${file} open, for its drive ${drive}`,
    hint: "it must stay until that lets go of it, too",
  };
}

/** monitor_fdset_cleanup of QEMU 7.2 closes nothing while the VM is paused. */
async function fdSet(
  { pid, identity }: AwaitReleaseStep,
  { qmp }: World,
): Promise<LeftAlone | undefined> {
  const sets = [...await ask(qmp, FDSET_FDS)];
  const open = holders(pid, identity);
  // What a block node uses is a copy outside of the set.
  const [first, ...others] = open.map((fd) =>
    sets.find(([, fds]) => fds.includes(fd))?.[0]
  );
  if (first === undefined || others.includes(undefined)) return undefined;
  return {
    what: `QEMU still has the disk open in fd set ${first}, which nobody uses`,
    hint: "it must stay until the VM runs again and repair has closed that",
  };
}

/** Finds the reason; undefined if none shows, and the disk may be in use. */
export async function otherUser(
  step: AwaitReleaseStep,
  world: World,
): Promise<LeftAlone | undefined> {
  return await otherDrive(step, world) ?? await fdSet(step, world);
}

/** An fd is ours alone: with the process that opened it, it is gone. */
export function held(name: string, world: World): Effect {
  return world.heldFd(name) === undefined ? "not-done" : "done";
}

/** Its verbs. */
export const openSourceVerbs: Verbs<OpenSourceStep> = {
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

/** Its verbs. */
export const awaitRelease: Verbs<AwaitReleaseStep> = {
  async do(step, world) {
    const { pid, identity } = step;
    try {
      await until(() => !holds(pid, identity), {
        timeoutMs: KERNEL_TIMEOUT_MS,
        what: `QEMU (pid ${pid}) to close the disk`,
      });
    } catch (error) {
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

/** Opens a disk's source for QEMU; the fd is then called `source`. */
export interface OpenSourceStep {
  /** Carried out by ./step_host.ts. */
  readonly kind: "open-source";
  /** Absolute. */
  readonly path: string;
  /** What must be found there: {@linkcode identityOf}. */
  readonly identity: string;
  /** Must agree with the block node's `read-only`. */
  readonly access: "rw" | "ro";
  /** O_DIRECT; must agree with the block node's `cache.direct`. */
  readonly direct: boolean;
  /** Name of the O_PATH fd it was looked at by. @default "source-pin" */
  readonly pin?: string;
}

/** Waits until QEMU holds no fd of a disk any more. */
export interface AwaitReleaseStep {
  /** Carried out by ./step_host.ts. */
  readonly kind: "await-release";
  /** QEMU's. */
  readonly pid: number;
  /** The disk: {@linkcode identityOf}. */
  readonly identity: string;
}
