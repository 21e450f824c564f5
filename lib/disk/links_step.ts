/**
 * The step on Ganeti's links to disks.
 *
 * @module
 */

import {
  changeDiskLinks,
  type DiskLinks,
  readDiskLinks,
} from "../host/disk_link.ts";
import { ON_NODE, stepCheck } from "../engine/verbs.ts";
import { defineStep } from "../engine/world.ts";
import {
  dictionary,
  LINE,
  type Of,
  orNull,
  text,
  word,
} from "../state/value_check.ts";

const checkLinks = stepCheck(
  "disk-links",
  ({ paths: { name, runDir } }) => {
    const link = new RegExp(`^${name.replaceAll(".", "\\.")}:\\d{1,4}$`);
    // The target of each link of the instance; null: there is none.
    const links = dictionary(link, orNull(text(LINE)));
    return {
      directory: word<string>(`${runDir}/instance-disks`),
      before: links,
      // The same names.
      after: links,
    };
  },
);

/** Makes links in `instance-disks` lead to the disks that QEMU has open. */
export type DiskLinksStep = Of<typeof checkLinks>;

function now({ directory, after }: DiskLinksStep): DiskLinks {
  return readDiskLinks(directory, Object.keys(after));
}

/** The step on Ganeti's links. */
export const DISK_LINKS_STEP = defineStep({
  check: checkLinks,
  traits: () => ON_NODE,
  do({ directory, after }) {
    changeDiskLinks(directory, after);
  },
  undo(step) {
    const there = now(step);
    // A link that Ganeti changed meanwhile is not undone.
    const ours = Object.entries(step.before)
      .filter(([name]) => there[name] === step.after[name]);
    changeDiskLinks(step.directory, Object.fromEntries(ours));
  },
  confirm(step) {
    const there = now(step);
    return Object.entries(step.after)
      .every(([name, target]) => there[name] === target);
  },
  describe: ({ directory, after }) => ({
    step: "point the links to the disks that QEMU has open",
    host: `in ${directory}: ${
      Object.entries(after).map(([name, to]) => `${name} -> ${to}`).join(", ")
    }`,
    undo: "restore the old links",
  }),
});
