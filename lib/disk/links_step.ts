/**
 * The step on Ganeti's links to disks.
 *
 * @module
 */

import type { DiskLinks } from "../host/disk_link.ts";
import { type CheckContext, ON_NODE } from "../engine/verbs.ts";
import { defineStep, type StepKind } from "../engine/world.ts";
import {
  type Check,
  dictionary,
  LINE,
  orNull,
  shape,
  text,
  word,
} from "../state/value_check.ts";

/** Makes links in `instance-disks` lead to the disks that QEMU has open. */
export interface DiskLinksStep {
  /** {@linkcode DISK_LINKS_STEP}. */
  readonly kind: "disk-links";
  /** Absolute path of `instance-disks`. */
  readonly directory: string;
  /** What they said; null: there was none. */
  readonly before: DiskLinks;
  /** What they say afterwards, the same names. */
  readonly after: DiskLinks;
}

/** Hardly any operation has such a step: the rest is loaded when one runs. */
const files = () => import("../host/disk_link.ts");

async function now({ directory, after }: DiskLinksStep): Promise<DiskLinks> {
  const { readDiskLinks } = await files();
  return readDiskLinks(directory, Object.keys(after));
}

/** Ganeti's links to the disks of one instance, and where each leads. */
function checkLinks({ paths: { name, runDir } }: CheckContext): Check {
  const link = new RegExp(`^${name.replaceAll(".", "\\.")}:\\d{1,4}$`);
  return shape({
    directory: word(`${runDir}/instance-disks`),
    before: dictionary(link, orNull(text(LINE))),
    after: dictionary(link, orNull(text(LINE))),
  });
}

/** The step on Ganeti's links. */
export const DISK_LINKS_STEP: StepKind = defineStep<DiskLinksStep>({
  kind: "disk-links",
  check: checkLinks,
  traits: () => ON_NODE,
  async do({ directory, after }) {
    (await files()).changeDiskLinks(directory, after);
  },
  async undo(step) {
    const there = await now(step);
    // What Ganeti made of a link meanwhile is no longer ours to take back.
    const ours = Object.entries(step.before)
      .filter(([name]) => there[name] === step.after[name]);
    (await files()).changeDiskLinks(step.directory, Object.fromEntries(ours));
  },
  async confirm(step) {
    const there = await now(step);
    const done = Object.entries(step.after)
      .every(([name, target]) => there[name] === target);
    return done ? "done" : "not-done";
  },
  describe: ({ directory, after }) => ({
    step: "make the links lead to the disks that QEMU has open",
    qmp: null,
    host: `in ${directory}: ${
      Object.entries(after).map(([name, to]) => `${name} -> ${to}`).join(", ")
    }`,
    undo: "make them as they were",
  }),
});
