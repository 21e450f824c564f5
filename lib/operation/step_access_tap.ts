/**
 * Steps on a tap that QEMU opens by its name.
 *
 * @module
 */

import { interfaceExists, keepTap, removeKeptTap } from "../host/tap.ts";
import type { MakeTapStep, RemoveTapStep } from "../disk/way_steps.ts";
import type { Verbs } from "./step.ts";

const makeTap: Verbs<MakeTapStep> = {
  async do({ tap, queues, vnetHdr }, world) {
    await Promise.resolve(keepTap({ ...tap, queues, vnetHdr }));
    world.values.set("tap", tap.name);
  },
  async undo({ tap }) {
    await Promise.resolve(removeKeptTap(tap));
  },
  confirm: ({ tap }) =>
    Promise.resolve(interfaceExists(tap.name) ? "done" : "not-done"),
  describe: ({ tap: { name, uid }, queues }) => ({
    step: "make a tap for QEMU to open",
    qmp: null,
    host: `make tap ${name}, persistent, for uid ${uid}, with ${queues} queue${
      queues === 1 ? "" : "s"
    }`,
    undo: `remove tap ${name}`,
  }),
};

const removeTap: Verbs<RemoveTapStep> = {
  async do({ tap }) {
    await Promise.resolve(removeKeptTap(tap));
  },
  // QEMU has let go of its backend: a tap alone brings the NIC not back.
  async undo() {},
  confirm: ({ tap }) =>
    Promise.resolve(interfaceExists(tap.name) ? "not-done" : "done"),
  describe: ({ tap: { name, uid } }) => ({
    step: "remove the tap that was made for QEMU",
    qmp: null,
    host: `remove tap ${name}, if it is still uid ${uid}'s`,
    undo: null,
  }),
};

/** The verbs of the steps on a tap that QEMU opens by its name. */
export const accessTapVerbs = {
  "make-tap": makeTap,
  "remove-tap": removeTap,
} as const;
