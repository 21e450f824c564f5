/**
 * The result of a comparison of runtime file, QEMU and node.
 *
 * @module
 */

import type { Plan } from "../engine/plan.ts";
import type { World } from "../engine/world.ts";
import type { Remark } from "../errors.ts";
import type { Confinement } from "../host/confinement.ts";
import type { OpenFile } from "../host/process.ts";
import type { Facts } from "./facts.ts";

/** One difference between runtime file, QEMU and node. */
export interface Difference extends Remark {
  /** The repair; undefined if a person has to do it. */
  readonly mend?: Mend;
  /** Its changes of the view of its device. @default none */
  readonly view?: Readonly<Record<string, string | null>>;
}

/** The repair of a difference; the code that found the difference plans it. */
export interface Mend {
  /** Names the plan, e.g. `remove`. */
  readonly word: string;
  /** The object of the repair, if it is not the device: a name, a path. */
  readonly subject?: string;
  /** For the document, when it is done. */
  readonly did: string;
}

/** The differences that a comparison found, and their repairs. */
export interface Compared {
  /** The most important first. */
  readonly differences: readonly Difference[];
  /**
   * The plan for a difference's mend word.
   *
   * @returns undefined if there is nothing left to do
   * @throws {HotplugError} if it cannot be mended
   */
  plan(difference: Difference, world: World): Promise<Plan | undefined>;
}

/** Facts for a whole comparison, for any kind. */
export interface WholeFacts extends Facts {
  /** Undefined if QEMU's process is unknown. */
  readonly confinement: Confinement | undefined;
  /** Undefined if QEMU's process is unknown. */
  readonly openFiles: readonly OpenFile[] | undefined;
  /** Files that only our own operations can have left: absolute paths. */
  readonly leftovers: readonly string[];
}
