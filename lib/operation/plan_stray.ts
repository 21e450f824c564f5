/**
 * Plans to remove what QEMU has and the runtime file does not record: an
 * interrupted operation left it, or somebody plugged it by hand. Pure.
 *
 * @module
 */

import { isUuid } from "../device/select.ts";
import type { Facts } from "../plan/facts.ts";
import type { Plan } from "../engine/plan.ts";
import { endAccessSteps, forgetSteps } from "../plan/give_back.ts";
import { type Stray, straysOf, strayView } from "../plan/strays.ts";
import type { NicFilesStep } from "../nic/steps.ts";
import type { Step } from "./step.ts";

/** The part of a uuid that a device id holds. */
const UUID_PART = /^(?:hot)?(?:disk|nic)-([0-9a-f-]+?)(?:-(?:pci|scsi)-\d+)?$/i;

/** Whether a device of this uuid can have got this id. */
function belongsTo(uuid: string, id: string): boolean {
  const part = UUID_PART.exec(id)?.[1]?.toLowerCase();
  return part !== undefined && uuid.toLowerCase().startsWith(part);
}

/** The stray that an exact id or a full uuid means. */
export function findStray(
  facts: Facts,
  kind: "disk" | "nic",
  word: string,
): Stray | undefined {
  const strays = straysOf(facts.qemu, facts.content.runtime);
  return strays.find((one) =>
    one.id !== "" && one.kind === kind &&
    (one.id === word || (isUuid(word) && belongsTo(word, one.id)))
  );
}

/** What the tool's own record has of it, by the uuid in its id. */
function ownSteps({ own, content }: Facts, { id }: Stray): Step[] {
  const { disks, nics } = content.runtime;
  const recorded = new Set(
    [...disks, ...nics].map(({ uuid }) => uuid?.toLowerCase()),
  );
  const mine = Object.keys(own.record.devices)
    .filter((uuid) => !recorded.has(uuid) && belongsTo(uuid, id));
  return mine.flatMap((uuid) => [
    ...endAccessSteps(own, uuid),
    ...forgetSteps(own, uuid),
  ]);
}

/** The NIC files of no recorded NIC that name one of these taps. */
export function strayNicFiles(
  { paths, nicFiles, content }: Facts,
  isMeant: (tap: string) => boolean,
): NicFilesStep[] {
  const count = content.runtime.nics.length;
  const before = Object.entries(nicFiles ?? {})
    .filter(([seq, tap]) => Number(seq) >= count && isMeant(tap));
  if (paths.nicDir === undefined || before.length === 0) return [];
  return [{
    kind: "nic-files",
    directory: paths.nicDir,
    directoryWas: "there",
    before: Object.fromEntries(before),
    after: {},
  }];
}

/**
 * Plans to remove a stray.
 *
 * @param backend the steps between the guest and this node
 */
export function planStray(
  facts: Facts,
  stray: Stray,
  backend: readonly Step[],
): Plan {
  const { qemu, paths } = facts;
  const { id, kind } = stray;
  const title = `${kind === "disk" ? "disk" : "NIC"} ${id}`;
  const { runState } = qemu;
  const tap = qemu.netdevs.get(id)?.tap;
  return {
    action: "remove",
    instance: paths.name,
    title,
    device: strayView(stray, qemu),
    steps: [
      ...(stray.has === "device"
        ? [{ kind: "unplug" as const, id, title, runState }]
        : []),
      ...backend,
      ...(tap === undefined ? [] : strayNicFiles(facts, (one) => one === tap)),
      ...ownSteps(facts, stray),
    ],
    warnings: [],
  };
}
