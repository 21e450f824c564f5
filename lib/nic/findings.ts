/**
 * NIC files that do not name the taps that the NICs have. Pure.
 *
 * @module
 */

import { titleOf } from "../device/select.ts";
import { messageOf } from "../errors.ts";
import { type Facts, netdevOf } from "../plan/facts.ts";
import { type Finding, repairPlan } from "../plan/finding.ts";
import { command, qmpStep } from "../plan/steps.ts";
import type { RepairFacts } from "../repair/findings.ts";
import type { NicEntry } from "../state/runtime.ts";
import { shellWord } from "../state/shell_word.ts";
import { deviceArguments, type JailFacts } from "./driver.ts";
import { nicFilesStep, strayNicFiles } from "./files.ts";
import { linkStateSteps, notesOf, noteSteps } from "./notes.ts";

/** A file is missing, or names another tap than QEMU has for the NIC. */
function wrong(facts: RepairFacts): Finding[] {
  const { nicDir, name } = facts.paths;
  const { qemu, content } = facts;
  // Of a NIC that is gone only its file tells the tap: it goes first.
  const gone = content.runtime.nics.some(({ hvinfo: { id } }) =>
    id === undefined || !qemu.deviceIds.has(id)
  );
  if (gone) return [];
  const what = `The NIC files in ${nicDir} do not name the taps that QEMU has`;
  try {
    const steps = nicFilesStep(facts, { adopted: [] });
    if (steps.length === 0) return [];
    const plan = repairPlan(name, "NIC files", steps);
    return [{ what, did: "wrote them", plan }];
  } catch (error) {
    return [{ what, hint: messageOf(error) }];
  }
}

/** A file of no NIC goes if its tap is gone; else a person has to look. */
function stray(facts: RepairFacts): Finding[] {
  const { heldTaps, paths: { name, nicDir }, taps } = facts;
  const files = strayNicFiles(facts, (tap) => !heldTaps?.has(tap));
  return files.flatMap(({ before }) => Object.entries(before)).flatMap(
    ([seq, tap]): Finding[] => {
      const what = `NIC file ${seq} is of no NIC`;
      if (taps.has(tap)) {
        if (heldTaps === undefined) return [];
        const path = shellWord(`${nicDir}/${seq}`);
        return [{
          what: `${what}, and names interface ${tap}, which QEMU has not open`,
          hint: `rm ${path}`,
        }];
      }
      const [step] = strayNicFiles(facts, (one) => one === tap);
      if (step === undefined) return [];
      const only = { ...step, before: { [seq]: tap } };
      const plan = repairPlan(name, "NIC files", [only]);
      return [{ what, did: "removed it", plan }];
    },
  );
}

/** All that is wrong with an instance's NIC files. */
export function nicFileFindings(facts: RepairFacts): Finding[] {
  if (facts.paths.nicDir === undefined) return [];
  return [...wrong(facts), ...stray(facts)];
}

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
