/**
 * What disks are called.
 *
 * @module
 */

import type { OwnKind } from "../plan/kind.ts";
import { giveBackSteps } from "./give_back.ts";
import { diskView } from "./view.ts";

/** Disks, how they are told of, and how their ways are given back. */
export const DISK: OwnKind = {
  word: "disk",
  title: "disk",
  list: "disks",
  giveBack: giveBackSteps,
  view: diskView,
};
