/**
 * Whether a guest has released a device that it may have been asked for.
 *
 * @module
 */

import type { Comparison } from "../compare/whole.ts";
import type { World } from "../engine/world.ts";
import { isFailure, orNone } from "../errors.ts";
import { recordedDevices } from "../kinds.ts";
import type { WholeFacts } from "../plan/difference.ts";
import { DEVICE_IDS } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import { text } from "../qmp/reading.ts";
import type { Runtime } from "../state/runtime.ts";
import { readRuntimeFile } from "../state/runtime_file.ts";

/** An idle guest releases a device within a second, in milliseconds. */
const PATIENCE_MS = 2_000;

function staged(path: string): Runtime | undefined {
  // It may have been cut off at any place.
  return orNone(() => readRuntimeFile(path)?.runtime, isFailure);
}

/** The devices that QEMU still has and that a staged file omits. */
function leftOut(
  { recorded, qemu, leftovers }: WholeFacts,
): readonly string[] {
  return leftovers.flatMap((path) => {
    const after = staged(path);
    if (after === undefined) return [];
    const kept = new Set(recordedDevices(after).map(({ hvinfo }) => hvinfo.id));
    return recorded.flatMap((entry) => {
      const { id } = entry.hvinfo;
      if (id === undefined || kept.has(id)) return [];
      return qemu.deviceIds.has(id) ? [id] : [];
    });
  });
}

/** Whether the guest has released one of these within some time. */
async function anyGone(
  asked: readonly string[],
  world: World,
): Promise<boolean> {
  const { unplugTimeoutMs, signal } = world.options;
  const since = world.qmp.mark();
  const isGone = async () => {
    const there = await ask(world.qmp, DEVICE_IDS);
    return asked.some((id) => !there.has(id));
  };
  // It may have been released before we listened.
  if (await isGone()) return true;
  await world.qmp.waitEvent(
    ({ event, data }) =>
      event === "DEVICE_DELETED" && asked.includes(text(data.device)),
    { timeoutMs: Math.min(unplugTimeoutMs, PATIENCE_MS), signal, since },
  );
  return await isGone();
}

/**
 * Compares after the guest had the time to release the devices that it may have
 * been asked for.
 *
 * @param compare reads and compares, perhaps twice
 * @throws {HotplugError}
 */
export async function settled(
  compare: () => Promise<Comparison>,
  world: World,
): Promise<Comparison> {
  const found = await compare();
  const asked = leftOut(found.facts);
  const mayGo = asked.length > 0 && found.facts.qemu.runState === "running";
  return mayGo && await anyGone(asked, world) ? await compare() : found;
}
