/**
 * What a comparison of runtime file, QEMU and node comes to.
 *
 * @module
 */

import type { Plan } from "../engine/plan.ts";
import type { World } from "../engine/world.ts";
import type { Remark } from "../errors.ts";
import type { Confinement } from "../host/confinement.ts";
import type { OpenFile } from "../host/process.ts";
import type { Facts } from "./facts.ts";

/** One thing on which runtime file, QEMU and node do not agree. */
export interface Difference extends Remark {
  /** What `repair` does about it; undefined if it is not ours to do. */
  readonly mend?: Mend;
  /** What it changes in the view of its device. @default nothing */
  readonly view?: Readonly<Record<string, string | null>>;
}

/** What repair does about a difference; who found it plans it. */
export interface Mend {
  /** Names the plan, e.g. `remove`. */
  readonly word: string;
  /** What is mended, where the device does not tell: a name, a path. */
  readonly subject?: string;
  /** For the document, once it is done. */
  readonly did: string;
}

/** What somebody found who compares, and how it is mended. */
export interface Compared {
  /** Most telling first. */
  readonly differences: readonly Difference[];
  /**
   * The plan for a difference's mend word.
   *
   * @returns undefined if there is nothing to do any more
   * @throws {HotplugError} if it cannot be mended
   */
  plan(difference: Difference, world: World): Promise<Plan | undefined>;
}

/** What a comparison as deep as it goes depends on, whatever the kind. */
export interface WholeFacts extends Facts {
  /** Undefined if QEMU's process is unknown. */
  readonly confinement: Confinement | undefined;
  /** Undefined if QEMU's process is unknown. */
  readonly openFiles: readonly OpenFile[] | undefined;
  /** Files that only an operation of ours can have left: absolute paths. */
  readonly leftovers: readonly string[];
}
