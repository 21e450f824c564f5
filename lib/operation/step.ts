/**
 * The steps of a plan, as plain JSON. What a step does, how it is taken back
 * and how reality is asked whether it took effect: {@linkcode verbsOf}.
 *
 * @module
 */

import { blockVerbs } from "../disk/block_steps.ts";
import { scsiVerbs } from "../disk/scsi_steps.ts";
import { accessVerbs } from "../disk/way_steps.ts";
import { repairVerbs } from "../engine/leftover.ts";
import { ownVerbs } from "../engine/own_steps.ts";
import { qmpVerbs } from "../engine/qmp_steps.ts";
import { createVerbs, stateVerbs } from "../engine/state_steps.ts";
import type { Step, Verbs } from "../engine/verbs.ts";
import { attachVerbs } from "../nic/attach_step.ts";
import { netdevVerbs } from "../nic/netdev_step.ts";
import { accessTapVerbs, hostVerbs } from "../nic/tap_steps.ts";

/** One entry for each kind of step. */
export type VerbTable = {
  readonly [K in Step["kind"]]: Verbs<Extract<Step, { kind: K }>>;
};

const VERBS: VerbTable = {
  ...qmpVerbs,
  ...scsiVerbs,
  ...blockVerbs,
  ...createVerbs,
  ...hostVerbs,
  ...attachVerbs,
  ...netdevVerbs,
  ...stateVerbs,
  ...ownVerbs,
  ...repairVerbs,
  ...accessVerbs,
  ...accessTapVerbs,
};

/** The verbs of a step's kind. */
export function verbsOf(step: Step): Verbs<Step> {
  // The table's type ties each kind to its verbs; an index by a union loses it.
  return VERBS[step.kind] as Verbs<Step>;
}
