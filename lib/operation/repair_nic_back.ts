/**
 * A NIC that was to be plugged anew, and that its guest released too late: it
 * is recorded as it was, and its backend waits. Pure.
 *
 * @module
 */

import { titleOf } from "../device/select.ts";
import type { NicEntry } from "../state/runtime.ts";
import type { Facts } from "../plan/facts.ts";
import { type Finding, repairPlan } from "../plan/finding.ts";
import { netdevOf } from "./netdev.ts";
import { command, qmpStep } from "../plan/steps.ts";
import { deviceArguments, type JailFacts } from "./plan_nic_device.ts";
import { linkStateSteps } from "./plan_nic_link.ts";
import { notesOf, noteSteps } from "../nic/notes.ts";

/** How it is plugged back; undefined if it is not such a NIC. */
export function nicBack(
  facts: Facts & JailFacts,
  entry: NicEntry,
): Finding | undefined {
  const { uuid = "", mac, hvinfo: { id, driver, slot } } = entry;
  const notes = notesOf(facts, uuid);
  const isGoing = facts.own.record.devices[uuid.toLowerCase()]?.pending;
  if (notes.replug === undefined || isGoing !== undefined) return undefined;
  const netdev = id === undefined ? undefined : netdevOf(facts.qemu, id);
  if (id === undefined || netdev?.facts.tap === undefined) return undefined;
  if (mac === undefined || driver === undefined || slot === undefined) {
    return undefined;
  }
  const args = deviceArguments(facts, { id, entry }, {
    ...{ driver, mac: mac.toLowerCase(), netdev: netdev.id },
    queues: netdev.facts.queues,
  });
  const step = qmpStep("device_add", args, command("device_del", { id }));
  const { name } = facts.paths;
  const { linkState, script, vhost } = notes;
  return {
    what: `the guest released ${
      titleOf(entry)
    } (${id}) after a change of it had been given up`,
    did: "plugged it back as it is recorded",
    plan: repairPlan(name, titleOf(entry), [
      step,
      ...linkStateSteps(facts, id, { was: "up", wanted: linkState }),
      { kind: "verify-device", id, slot },
      ...noteSteps({ ...facts, who: facts.own.qemu }, {
        uuid,
        notes: { linkState, script, vhost },
      }),
    ]),
  };
}
