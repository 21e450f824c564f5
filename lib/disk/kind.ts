/**
 * The kind of disks, for lib/kinds.ts.
 *
 * @module
 */

import type { Kind } from "../plan/kind.ts";
import { compareDisks } from "./compare.ts";
import { readMoved, refuseMoved } from "./moved.ts";
import { DISK } from "./name.ts";
import { diskNote } from "./note.ts";
import type { DiskRequest } from "./request.ts";
import { startDisks } from "./start.ts";

/** All parts that questions need. */
export const DISK_KIND: Kind<DiskRequest> = {
  ...DISK,
  record: diskNote,
  requirements: async (facts) =>
    (await import("./way_path.ts")).diskRequirements(facts),
  compare: compareDisks,
  async start(facts, qmp) {
    const { qemu, runtime, paths } = facts;
    if (qemu !== undefined && qmp !== undefined) {
      const what = "make a command line that starts the VM";
      refuseMoved(await readMoved({ qemu, runtime }, qmp), { paths, what });
    }
    return startDisks(facts);
  },
  changes: async () => (await import("./changes.ts")).DISK_CHANGES,
};
