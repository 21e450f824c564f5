/**
 * Why QEMU still has the file or device of a disk open that was let go.
 *
 * @module
 */

import type { LeftAlone } from "../host/access_record.ts";
import { identityAt } from "../host/identity.ts";
import { holders } from "../host/process.ts";
import { FDSET_FDS } from "../qmp/block_queries.ts";
import { BLOCK } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import type { AwaitReleaseStep } from "../operation/step.ts";
import type { World } from "../engine/world.ts";

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
