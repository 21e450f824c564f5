/**
 * Repairs of differences of NICs.
 *
 * @module
 */

import { recordedArguments } from "../device/hvinfo.ts";
import { allFdNames } from "../device/nic.ts";
import { titleOf } from "../device/select.ts";
import type { Plan } from "../engine/plan.ts";
import { deviceStep } from "../plan/addition.ts";
import type { Difference, WholeFacts } from "../plan/difference.ts";
import { giveBackPlan, repairPlan } from "../plan/finding.ts";
import { planStray } from "../plan/removal.ts";
import { straysOf } from "../plan/strays.ts";
import type { NicEntry } from "../state/runtime.ts";
import { givenUp } from "./compare.ts";
import { deviceArguments } from "./driver.ts";
import { nicFilesStep, strayNicFiles } from "./files.ts";
import { NIC } from "./name.ts";
import { linkStateSteps, noteSteps } from "./notes.ts";
import { planNicRemove, strayNicSteps } from "./remove.ts";
import type { NicStep } from "./steps.ts";

/**
 * The plan that plugs a released NIC back; undefined if it is not such a NIC.
 */
function putBack(facts: WholeFacts, entry: NicEntry): Plan | undefined {
  const given = givenUp(facts, entry);
  if (given === undefined) return undefined;
  const { uuid, id, driver, mac, slot, linkState, netdev } = given;
  const { queues } = netdev.facts;
  const plug = deviceStep(deviceArguments(
    facts,
    { id, driver, mac, queues },
    { address: recordedArguments(entry), netdev: netdev.id },
  ));
  const steps: NicStep[] = [
    plug,
    ...linkStateSteps(facts, id, { was: "up", wanted: linkState }),
    { kind: "verify-device", id, slot },
    ...noteSteps(facts, {
      uuid,
      notes: { replug: undefined },
    }),
  ];
  return nicRepair(facts, titleOf(entry), { steps, turn: plug });
}

/** The plan of a repair about NICs. */
function nicRepair(
  { paths }: WholeFacts,
  title: string,
  plan: { readonly steps: readonly NicStep[]; readonly turn?: NicStep },
): Plan {
  return repairPlan(paths.name, title, { kinds: [NIC.word], ...plan });
}

/**
 * The plan that repairs one of them. Pure.
 *
 * @throws {HotplugError} if it cannot be repaired
 */
export function nicMend(
  facts: WholeFacts,
  { device, mend }: Difference,
): Plan | undefined {
  const { name } = facts.paths;
  const { nics } = facts.content.runtime;
  const { word, subject = "" } = mend ?? {};
  const files = (steps: readonly NicStep[]) =>
    nicRepair(facts, "NIC files", { steps });
  switch (word) {
    case "remove":
      return planNicRemove({
        kind: "nic-remove",
        instance: name,
        device: device?.uuid ?? device?.id ?? "",
      }, facts);
    case "put-back": {
      const entry = nics.find(({ index }) => index === device?.index);
      return entry && putBack(facts, entry);
    }
    case "nic-files":
      return files(nicFilesStep(facts, (taps) => taps));
    case "stray-nic-file":
      return files(strayNicFiles(facts, (_, seq) => seq === subject));
    case "give-back":
      return giveBackPlan(facts, subject, NIC);
    case "fd-names":
      return nicRepair(facts, "fds passed to QEMU", {
        steps: [{ kind: "drop-fd-names", names: allFdNames() }],
      });
    case "orphan-netdev": {
      const stray = straysOf(facts.qemu, facts.content.runtime)
        .find(({ id, has }) => id === subject && has === "backend");
      const backend = strayNicSteps(facts, subject);
      return stray && planStray(facts, stray, { kind: NIC, backend });
    }
  }
  return undefined;
}
