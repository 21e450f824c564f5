/**
 * The step that changes the medium of a drive of the guest.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { NODE_NAMES } from "../qmp/commands.ts";
import { ask } from "../qmp/query.ts";
import { type Tray, TRAYS } from "../qmp/block_queries.ts";
import {
  either,
  LINE,
  type Of,
  orNull,
  qemuId,
  text,
  word,
} from "../state/value_check.ts";
import { IN_QEMU, stepCheck } from "../engine/verbs.ts";
import { defineStep, type World } from "../engine/world.ts";

/** A device without an id goes by its place in QEMU's tree of objects. */
const deviceName = either(qemuId, text(/^\/machine\/[\w/.[\]-]{1,200}$/));
/** A node of `-drive` has a name that QEMU made up. */
const nodeName = either(qemuId, text(/^#block\d{1,9}$/));

const checkMedium = stepCheck("change-medium", {
  // As QEMU tells it in query-block.
  id: deviceName,
  // The user's name of the drive, for messages: `disk 1`.
  title: text(LINE),
  // Block node of the old medium; null: the drive is empty.
  from: orNull(nodeName),
  // Block node of the new medium; null: the drive will be empty.
  to: orNull(nodeName),
  // `forced`: the medium is changed although the guest locked the tray.
  lock: word("heeded", "forced"),
});

/** Opens the tray, changes the medium and closes the tray. */
export type ChangeMediumStep = Of<typeof checkMedium>;

async function trayOf(id: string, { qmp }: World): Promise<Tray> {
  const tray = (await ask(qmp, TRAYS)).get(id);
  if (tray !== undefined) return tray;
  throw new HotplugError("qmp-error", `QEMU has no drive ${id} with a tray`);
}

/** A locked tray opens when the guest allows it: blockdev.c, do_open_tray. */
async function openTray(step: ChangeMediumStep, world: World): Promise<void> {
  const { id, title, lock } = step;
  const { qmp, options } = world;
  const { isThere, isOpen } = await trayOf(id, world);
  if (isOpen || !isThere) return;
  const since = qmp.mark();
  await qmp.execute("blockdev-open-tray", { id, force: lock === "forced" });
  if ((await trayOf(id, world)).isOpen) return;
  const moved = await qmp.waitEvent(
    ({ event, data }) =>
      event === "DEVICE_TRAY_MOVED" && data.id === id &&
      data["tray-open"] === true,
    { timeoutMs: options.unplugTimeoutMs, signal: options.signal, since },
  );
  if (moved !== "timeout" && moved !== "aborted") return;
  throw new HotplugError(
    "unplug-rejected",
    `The guest has locked the tray of ${title} (${id}) and did not open it ${
      moved === "aborted"
        ? "before the wait was interrupted"
        : `within ${options.unplugTimeoutMs / 1000} s`
    }`,
    { hint: "unmount the medium in the guest, or use --force" },
  );
}

async function exchange(step: ChangeMediumStep, world: World): Promise<void> {
  const { id, to } = step;
  await openTray(step, world);
  // Without a medium it succeeds, too.
  await world.qmp.execute("blockdev-remove-medium", { id });
  if (to !== null) {
    const medium = { id, "node-name": to };
    await world.qmp.execute("blockdev-insert-medium", medium);
  }
  await world.qmp.execute("blockdev-close-tray", { id });
}

async function holds(
  { id, to }: Pick<ChangeMediumStep, "id" | "to">,
  world: World,
): Promise<boolean> {
  const tray = (await ask(world.qmp, TRAYS)).get(id);
  return tray !== undefined && tray.nodeName === (to ?? "") && !tray.isOpen;
}

/**
 * Without its node the old medium cannot be inserted again: the new one stays.
 */
async function expectOld(
  { from, to, title }: ChangeMediumStep,
  { qmp }: World,
): Promise<void> {
  if (from === null || (await ask(qmp, NODE_NAMES)).has(from)) return;
  throw new HotplugError(
    "rollback-incomplete",
    `QEMU has already released ${from}, so ${
      to ?? "no medium"
    } stays in ${title}`,
  );
}

/** The step that changes a medium. */
export const CHANGE_MEDIUM_STEP = defineStep({
  check: checkMedium,
  traits: () => ({ ...IN_QEMU, turn: "exchange" }),
  do: exchange,
  async undo(step, world) {
    await world.reconnect();
    const back = { ...step, from: step.to, to: step.from };
    if (await holds(back, world)) return;
    await expectOld(step, world);
    // The guest used the old medium itself: it need not be asked.
    await exchange({ ...back, lock: "forced" }, world);
  },
  confirm: holds,
  describe: ({ id, title, from, to, lock }) => ({
    step: to === null
      ? `remove the medium from ${title}`
      : `put ${to} into ${title}`,
    qmp: {
      execute: "blockdev-open-tray",
      arguments: { id, force: lock === "forced" },
    },
    undo: from === null ? "leave the drive empty" : `put ${from} back`,
  }),
});
