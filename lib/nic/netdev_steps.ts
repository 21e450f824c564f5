/**
 * Steps on a NIC's parts in QEMU, beside the device: the backend that is
 * removed from a NIC during its replacement, and fds that were passed and not
 * used.
 *
 * @module
 */

import { allFdNames, fdNames, netdevArguments } from "../device/nic.ts";
import { IN_QEMU, LOOK_AT_QEMU, stepCheck } from "../engine/verbs.ts";
import { defineStep, type World } from "../engine/world.ts";
import { joinNetwork } from "../host/attachment.ts";
import { changeNicFiles } from "../host/nic_file.ts";
import {
  isPersistent,
  joinTap,
  openTap,
  openVhostNet,
  type Tap,
  type TapOptions,
} from "../host/tap.ts";
import { NETDEVS } from "../qmp/commands.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { ask } from "../qmp/query.ts";
import {
  list,
  object,
  type Of,
  qemuId,
  text,
  word,
} from "../state/value_check.ts";
import { unlessRefused } from "../sys/errno.ts";
import { NO_RATES, tuneTap } from "../host/tap_tuning.ts";
import { tuning } from "./tune_step.ts";
import { attachment } from "./attach_step.ts";
import { BACK_TAP, foundTap, SEQ, tapForm } from "./tap_steps.ts";

/**
 * Removes the backend of a NIC that the guest has released and that is plugged
 * again with another backend.
 */
const checkDropNetdev = stepCheck("drop-netdev", ({ paths }) => ({
  id: qemuId,
  // The undo makes it again with a tap of the same name on the same network.
  back: object({
    tap: foundTap,
    ...tapForm,
    vhost: word("on", "off"),
    attachment,
  }, {
    // The MTU and the rates of the tap.
    tuning,
    // The NIC file with the name of the tap.
    file: object({
      directory: word(paths.nicDir ?? "none"),
      seq: text(SEQ),
    }),
  }),
}));

async function isThere(id: string, world: World): Promise<boolean> {
  return (await ask(world.qmp, NETDEVS)).has(id);
}

/** Passes one fd under its name; our copy is closed. */
async function give(world: World, fdname: string): Promise<void> {
  try {
    await world.qmp.execute("getfd", { fdname }, { fd: world.fd(fdname) });
  } finally {
    world.closeFd(fdname);
  }
}

/** Closes fd names that an operation may have left in QEMU. */
async function dropFdNames(
  names: readonly string[],
  world: World,
): Promise<void> {
  for (const fdname of names) {
    try {
      await world.qmp.execute("closefd", { fdname });
    } catch (error) {
      // No command lists the names: a missing one is refused.
      if (!(error instanceof QmpCommandError)) throw error;
    }
  }
}

/**
 * A tap in place of the removed one. Another VM may have its name now, or
 * another process may hold the old tap. Then it gets a new name that neither
 * NIC had, because the kernel could choose the name of the new NIC's tap.
 */
function openAgain(options: TapOptions & { name: string }): Tap {
  const same = () =>
    isPersistent(options.name) ? joinTap(options) : openTap(options);
  return unlessRefused(same, "EBUSY") ??
    openTap({ ...options, name: `tap${crypto.randomUUID().slice(0, 8)}` });
}

async function putBack(
  { id, back }: Of<typeof checkDropNetdev>,
  world: World,
): Promise<void> {
  const { tap: name, queues, vhost, vnetHdr, file } = back;
  const names = fdNames({ queues, vhost });
  // An undo that was cut off between getfd and netdev_add left the tap there.
  await dropFdNames([...names.tap, ...names.vhost], world);
  const made = openAgain({ name, queues, vnetHdr });
  world.values.set(BACK_TAP, made.name);
  for (const [queue, fd] of made.fds.entries()) {
    world.keepFd(names.tap[queue] ?? "", fd);
  }
  for (const name of names.vhost) world.keepFd(name, openVhostNet());
  await joinNetwork(made.name, back.attachment);
  if (back.tuning !== undefined) {
    await tuneTap(made.name, back.tuning, NO_RATES);
  }
  for (const name of [...names.tap, ...names.vhost]) await give(world, name);
  await world.qmp.execute("netdev_add", netdevArguments({ id, queues, vhost }));
  if (made.name === name || file === undefined) return;
  const { directory, seq } = file;
  changeNicFiles(directory, { from: {}, to: { [seq]: made.name } });
}

const DROP_NETDEV_STEP = defineStep({
  check: checkDropNetdev,
  traits: () => IN_QEMU,
  async do({ id }, world) {
    try {
      await world.qmp.execute("netdev_del", { id });
    } catch (error) {
      // A backend that is gone already is a success.
      const gone = error instanceof QmpCommandError &&
        !await isThere(id, world);
      if (!gone) throw error;
    }
  },
  async undo(step, world) {
    await world.reconnect();
    if (!await isThere(step.id, world)) await putBack(step, world);
  },
  confirm: async ({ id }, world) => !await isThere(id, world),
  describe: ({ id, back: { tap } }) => ({
    step: `QEMU: netdev_del; tap ${tap} disappears`,
    qmp: { execute: "netdev_del", arguments: { id } },
    undo:
      `make tap ${tap} again, connect it to its network, netdev_add {"id":"${id}"}`,
  }),
});

/** Closes them in QEMU. */
const checkDropFdNames = stepCheck("drop-fd-names", {
  names: list(word(...allFdNames())),
});

const DROP_FD_NAMES_STEP = defineStep({
  check: checkDropFdNames,
  traits: () => LOOK_AT_QEMU,
  do: ({ names }, world) => dropFdNames(names, world),
  undo() {},
  confirm: () => "unknown",
  describe: ({ names }) => ({
    step: `QEMU closes file descriptors that it got and did not use`,
    qmp: { execute: "closefd", arguments: { fdname: names[0] ?? "" } },
    undo: null,
  }),
});

/** Their kinds. */
export const NETDEV_STEPS = [DROP_NETDEV_STEP, DROP_FD_NAMES_STEP];
