/**
 * Steps, their checks, and the data that the engine needs about them. The
 * functions of a step are in ./world.ts, together with the world of steps.
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
  /** The name on the wire, e.g. `blockdev-add`. */
  readonly execute: string;
  /** The arguments on the wire; empty if it takes none. */
  readonly arguments: Json;
}

/** The command's name and its arguments as JSON. */
export function formatCommand(command: QmpCommand): string {
  return `${command.execute} ${JSON.stringify(command.arguments)}`;
}

/** One action of an operation, as plain JSON. Its kind tells the rest. */
export interface Step {
  /** The name of its {@linkcode StepCheck}; journals contain it. */
  readonly kind: string;
}

/** Whether a step has taken effect; `unknown`: there is no way to tell. */
export type Effect = "done" | "not-done" | "unknown";

/** The description of a step for a person. */
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

/** The data about a step that the engine needs for an undo, or after a kill. */
export interface Traits {
  /**
   * `as-it-was`: it checks, opens or prepares, and a failure there is harmless.
   */
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
   * The meaning of the step without the QEMU for which it was made. `void`:
   * nothing must be done or undone; `void-after-restart`: the same after the VM
   * was started again, which made its own; `valid`: it counts without any QEMU.
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
  /**
   * `final`: once it was begun, things that were exchanged before cannot come
   * back.
   */
  readonly exchange?: "final" | undefined;
}

/** Done on this node: QEMU has no part of it, and it counts without QEMU. */
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

/** A question to QEMU, or a removal that cannot be undone. */
export const LOOK_AT_QEMU: Traits = { ...ON_NODE, without: "void" };

/** A value that a step finds, and that later steps or an undo need. */
export interface Value {
  /** Its name in the journal. */
  readonly name: string;
  /** Whether a text is valid; undefined: the value is kept in memory only. */
  readonly check?: Check | undefined;
  /**
   * Whether it still names the thing that the step made, in the view of a later
   * process.
   *
   * @param pid QEMU's pid; null if it is gone or unknown
   */
  readonly isOurs?: (value: string, pid: number | null) => boolean;
  /** Member of the device's document with this value; undefined: none. */
  readonly member?: string | undefined;
}

/** The checks of steps that the kinds of devices supply. */
export interface KindChecks {
  /** Whether these words in `kvm_cmd` belong to some kind. */
  readonly isWords: Check<readonly string[]>;
  /** Whether this is a valid note of some kind in the tool's own record. */
  readonly isNote: Check<OwnDevice>;
  /** The QMP commands that their plans may contain. */
  readonly commands: PlanCommands;
}

/** The data on which the check of a step depends. */
export interface CheckContext extends KindChecks {
  readonly paths: InstancePaths;
}

/** The check of a step of one kind that is read back from a journal. */
export interface StepCheck<S extends Step = Step> {
  (context: CheckContext): Check<S>;
  readonly kind: string;
}

/**
 * The check of the steps of one kind; the type of a step is `Of` it.
 *
 * @param fields checks of its members, perhaps by the instance
 * @param optional checks of optional members, perhaps by the instance
 * @param holds a further condition, perhaps by the instance
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
