/**
 * Disks as their own plans know them.
 *
 * @module
 */

import type { OwnKind } from "../plan/kind.ts";
import { giveBackSteps } from "./give_back.ts";
import { diskView } from "./view.ts";

/** What all plans for disks share. */
export const DISK = {
  word: "disk",
  title: "disk",
  list: "disks",
  needs: {
    // The way to the disk may need more: ./way_path.ts.
    "disk-add": ["blockdev-add", "blockdev-del", "device_add", "device_del"],
    "disk-remove": ["device_del", "blockdev-del"],
    "disk-resize": ["block_resize"],
    // What is set may need more: ./limits.ts, ./medium.ts.
    "disk-set": [],
  },
  giveBack: giveBackSteps,
  view: diskView,
} satisfies OwnKind & { readonly needs: unknown };
