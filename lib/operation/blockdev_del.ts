/**
 * Deleting a block node whose device has just gone.
 *
 * @module
 */

import { NODE_NAMES } from "../qmp/commands.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import type { Json } from "../qmp/message.ts";
import { ask } from "../qmp/query.ts";
import { pause } from "../sys/pause.ts";
import type { World } from "../engine/world.ts";

/** Longest wait for QEMU to be done with a device, in milliseconds. */
const RELEASE_TIMEOUT_MS = 1_000;

/** How often it is asked meanwhile. */
const RETRY_MS = 20;

/**
 * Deletes a block node. A device leaves QEMU's tree first and gives its node
 * up later, with DEVICE_DELETED (hw/core/qdev.c, device_finalize): whoever did
 * not wait for that event, because it came before our session, asks again.
 *
 * @throws {QmpCommandError} it is in use, or not there
 */
export async function blockdevDel(args: Json, world: World): Promise<void> {
  const deadline = performance.now() + RELEASE_TIMEOUT_MS;
  for (;;) {
    try {
      await world.qmp.execute("blockdev-del", args);
      return;
    } catch (error) {
      const late = performance.now() >= deadline;
      if (late || !(error instanceof QmpCommandError)) throw error;
      const names = await ask(world.qmp, NODE_NAMES);
      if (!names.has(String(args["node-name"]))) throw error;
      await pause(RETRY_MS);
    }
  }
}
