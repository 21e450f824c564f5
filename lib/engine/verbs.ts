/**
 * What a step is, how it is checked, and what the engine must know of it. What
 * can be done with one is in ./world.ts, with what steps act on.
 *
 * @module
 */

import type { PlanCommands } from "../device/plan_commands.ts";
import type { Json } from "../qmp/message.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { OwnDevice } from "../state/own_check.ts";
import {
  type Check,
  type Empty,
  type Fields,
  object,
  type Shape,
  where,
  word,
} from "../state/value_check.ts";
import type { Told } from "../words/json_schema.ts";
import type { STEP } from "./view_schema.ts";

/** A command for QEMU. */
export interface QmpCommand {
  /** As on the wire, e.g. `blockdev-add`. */
  readonly execute: string;
  /** As on the wire; empty if it takes none. */
  readonly arguments: Json;
}

/** The command's name and its arguments as JSON. */
export function formatCommand(command: QmpCommand): string {
  return `${command.execute} ${JSON.stringify(command.arguments)}`;
}

/** One thing an operation does, as plain JSON. Its kind tells the rest. */
export interface Step {
  /** Names its {@linkcode StepCheck}; stands in journals. */
  readonly kind: string;
}

/** Has a step taken effect? `unknown`: nothing can tell. */
export type Effect = "done" | "not-done" | "unknown";

/** What a person is shown of a step. */
export type StepDescription = Told<typeof STEP>;

/**
 * How the guest takes part in a step:
 *
 * - `plug`: it gets a device, and releases it again if asked;
 * - `release`: it gives a device up, and nothing puts that back;
 * - `exchange`: what it has is exchanged, and can be exchanged back as long as
 *   QEMU has the old one;
 * - `lasting`: it sees something that cannot be taken back.
 */
export type Turn = "plug" | "release" | "exchange" | "lasting";

/** What the engine must know of a step to undo it, or to go on after a kill. */
export interface Traits {
  /** `as-it-was`: it looks, opens or prepares, and to fail there is harmless. */
  readonly failing: "as-it-was" | "to-undo";
  /**
   * Where what it made is, as far as a rollback is concerned:
   *
   * - `held`: in QEMU. If it stays, all that was made for QEMU stays, too;
   * - `held-alone`: in QEMU, and it uses nothing that other steps made;
   * - `used`: on this node, and QEMU may use it;
   * - `free`: QEMU has nothing of it.
   */
  readonly inQemu: "held" | "held-alone" | "used" | "free";
  /**
   * What it is without the QEMU it was made for: `void`: nothing of it is left
   * to do or to undo; `void-after-restart`: so is it once the VM was started
   * anew, which made its own; `valid`: it holds without any QEMU.
   */
  readonly without: "void" | "void-after-restart" | "valid";
  /** How the guest takes part; null: it does not. */
  readonly turn: Turn | null;
  /**
   * `nothing`: once this process has ended there is nothing of it, wherever it
   * was. The journal has no line of it.
   *
   * @default "something"
   */
  readonly leaves?: "nothing";
  /** `final`: once it was begun, what was exchanged before cannot come back. */
  readonly exchange?: "final" | undefined;
}

/** Done on this node: QEMU has nothing of it, and it holds without QEMU. */
export const ON_NODE: Traits = {
  failing: "to-undo",
  inQemu: "free",
  without: "valid",
  turn: null,
};

/** Done within this process: it only looks, or opens what ends with it. */
export const WITHIN: Traits = { ...ON_NODE, leaves: "nothing" };

/** Made on this node for QEMU to use. */
export const FOR_QEMU: Traits = { ...ON_NODE, inQemu: "used" };

/** Made in QEMU. */
export const IN_QEMU: Traits = { ...ON_NODE, inQemu: "held", without: "void" };

/** Asked of QEMU, or taken from it without return. */
export const LOOK_AT_QEMU: Traits = { ...ON_NODE, without: "void" };

/** Something that a step finds out, and that later steps or undoing need. */
export interface Value {
  /** Names it in the journal. */
  readonly name: string;
  /** Whether a text can be one; undefined: it is kept in memory only. */
  readonly check?: Check | undefined;
  /**
   * Whether it still names what the step made, seen by a later process.
   *
   * @param pid QEMU's; null if it is gone or not known
   */
  readonly isOurs?: (value: string, pid: number | null) => boolean;
  /** Member of the device's document that tells it; undefined: none does. */
  readonly member?: string | undefined;
}

/** What the kinds of devices know of the steps of a plan. */
export interface KindChecks {
  /** Whether some kind has these words in `kvm_cmd`. */
  readonly isWords: Check<readonly string[]>;
  /** Whether some kind notes this in the tool's own record. */
  readonly isNote: Check<OwnDevice>;
  /** The QMP commands that their plans may hold. */
  readonly commands: PlanCommands;
}

/** What the check of a step depends on. */
export interface CheckContext extends KindChecks {
  readonly paths: InstancePaths;
}

/** What a step of one kind must be when it is read back from a journal. */
export interface StepCheck<S extends Step = Step> {
  (context: CheckContext): Check<S>;
  readonly kind: string;
}

/**
 * The check of the steps of one kind; the type of a step is `Of` it.
 *
 * @param fields checks of its members, perhaps by the instance it is for
 * @param optional checks of members that it may lack, perhaps by the same
 * @param holds what more must hold, perhaps by the same
 */
export function stepCheck<
  const K extends string,
  F extends Fields,
  O extends Fields = Empty,
>(
  kind: K,
  fields: F | ((context: CheckContext) => F),
  optional?: O | ((context: CheckContext) => O),
  holds: (
    step: { readonly kind: K } & Shape<F, O>,
    context: CheckContext,
  ) => boolean = () => true,
): StepCheck<{ readonly kind: K } & Shape<F, O>> {
  const check = (context: CheckContext) => {
    const members = typeof fields === "function" ? fields(context) : fields;
    const more = typeof optional === "function" ? optional(context) : optional;
    const form: Check = object({ kind: word(kind), ...members }, more);
    const isStep = (one: unknown): one is { readonly kind: K } & Shape<F, O> =>
      form(one);
    return where(isStep, (step) => holds(step, context));
  };
  return Object.assign(check, { kind });
}
