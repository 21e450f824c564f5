/**
 * The step that takes a network backend from a NIC that is being replaced, and
 * puts it back with a tap of the same name on the same network.
 *
 * @module
 */

import { fdNames, netdevArguments } from "../device/nic.ts";
import { NETDEVS } from "../qmp/commands.ts";
import { QmpCommandError } from "../qmp/errors.ts";
import { ask } from "../qmp/query.ts";
import { checkDropNetdev, type DropNetdevStep } from "./step_types.ts";
import { defineStep, type StepKind, type World } from "../engine/world.ts";
import { IN_QEMU } from "../engine/verbs.ts";

/** Only the replacement of a NIC has such a step. */
const taps = () => import("../host/tap.ts");
const networks = () => import("../host/attachment.ts");

async function isThere(id: string, world: World): Promise<boolean> {
  return (await ask(world.qmp, NETDEVS)).has(id);
}

/** Hands over one fd under its name; our copy is closed. */
async function give(world: World, fdname: string): Promise<void> {
  try {
    await world.qmp.execute("getfd", { fdname }, { fd: world.fd(fdname) });
  } finally {
    world.closeFd(fdname);
  }
}

async function putBack(step: DropNetdevStep, world: World): Promise<void> {
  const { joinTap, openVhostNet } = await taps();
  const { tap, queues, vhost, vnetHdr, attachment } = step.back;
  const names = fdNames({ queues, vhost });
  const made = joinTap({ name: tap, queues, vnetHdr });
  for (const [queue, fd] of made.fds.entries()) {
    world.keepFd(names.tap[queue] ?? "", fd);
  }
  for (const name of names.vhost) world.keepFd(name, openVhostNet());
  const { joinNetwork } = await networks();
  await joinNetwork(tap, attachment);
  for (const name of [...names.tap, ...names.vhost]) await give(world, name);
  const args = netdevArguments({ id: step.id, queues, vhost });
  await world.qmp.execute("netdev_add", args);
}

/** The step that takes a backend from a NIC that is replaced. */
export const DROP_NETDEV_STEP: StepKind = defineStep<DropNetdevStep>({
  kind: "drop-netdev",
  check: () => checkDropNetdev,
  traits: () => IN_QEMU,
  async do({ id }, world) {
    try {
      await world.qmp.execute("netdev_del", { id });
    } catch (error) {
      // Being there no more is what was wanted.
      const gone = error instanceof QmpCommandError &&
        !await isThere(id, world);
      if (!gone) throw error;
    }
  },
  async undo(step, world) {
    await world.reconnect();
    if (!await isThere(step.id, world)) await putBack(step, world);
  },
  async confirm({ id }, world) {
    return await isThere(id, world) ? "not-done" : "done";
  },
  describe: ({ id, back: { tap } }) => ({
    step: `QEMU: netdev_del, tap ${tap} goes`,
    qmp: { execute: "netdev_del", arguments: { id } },
    host: null,
    undo:
      `make tap ${tap} again, join it to its network, netdev_add {"id":"${id}"}`,
  }),
});
