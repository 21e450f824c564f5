/**
 * Waiting for a monitor while a person looks on.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import type { QmpSession } from "../qmp/client.ts";
import { within } from "../sys/pause.ts";
import { unixSocketHolders } from "../sys/sock_diag.ts";
import type { MonitorOptions } from "../monitor/monitor.ts";

/** How often to tell, and to look whether the person has had enough. */
const TELL_MS = 1000;

function whatKeeps(path: string): string {
  const { clients } = unixSocketHolders(path);
  const served = clients.find(({ state }) => state === "accepted");
  return served === undefined
    ? "QEMU does not answer"
    : `monitor held by pid ${served.pid} (${served.command})`;
}

/**
 * Awaits a session that is being opened, and tells of it. The session is the
 * caller's if it is returned; else it is closed, also if it comes later.
 *
 * @throws {HotplugError} `monitor-timeout` if the person has had enough
 */
export async function openVisibly(
  opening: Promise<QmpSession>,
  path: string,
  { timeoutMs: limitMs, waiting, signal }: MonitorOptions,
): Promise<QmpSession> {
  const begin = performance.now();
  try {
    for (;;) {
      const session = await within(opening, TELL_MS);
      if (session !== undefined) return session;
      if (signal?.aborted) {
        throw new HotplugError(
          "monitor-timeout",
          "The waiting for QEMU was ended: it had not answered yet",
        );
      }
      const sinceMs = performance.now() - begin;
      waiting?.({ what: whatKeeps(path), sinceMs, limitMs, end: "give up" });
    }
  } catch (error) {
    // It ends by its own time-out; if it still comes, nobody wants it.
    opening.then((late) => late.close(), () => {});
    throw error;
  }
}
