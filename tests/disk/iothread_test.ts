/** The iothread of a disk that a master adds. */
import { assertEquals } from "@std/assert";
import { planDiskAdd } from "../../lib/disk/add.ts";
import { isIothreadWords } from "../../lib/disk/iothread.ts";
import type { DiskAdd } from "../../lib/disk/request.ts";
import {
  disk,
  diskAdd,
  diskAddFacts,
  type PlainObject,
  planOf,
  qmpStep,
  stepNames,
} from "../support/facts.ts";

const GANETI: Partial<DiskAdd> = {
  ganeti: { object: "{}", devType: "file" },
};
const NATIVE = { disk_cache: "none", disk_aio: "native" };

function plan(
  hvparams: PlainObject,
  iothreads: readonly string[] = [],
  more: Partial<DiskAdd> = GANETI,
) {
  const facts = diskAddFacts({
    disks: [disk(0, 12)],
    hvparams: { ...NATIVE, ...hvparams },
    iothreads: new Set(iothreads),
  });
  const commands = new Set([
    ...facts.qemu.commands,
    "object-add",
    "object-del",
  ]);
  const qemu = { ...facts.qemu, commands };
  return planOf(planDiskAdd(diskAdd(more), { ...facts, qemu }));
}

function iothreadOf(...about: Parameters<typeof plan>) {
  return qmpStep(plan(...about), "device_add").arguments["iothread"];
}

Deno.test("planDiskAdd() gives a master's disks iothreads in turn", () => {
  const two = { virtio_disk_iothreads: 2 };
  assertEquals(iothreadOf(two, ["b", "a"]), "b");
  // The second of two; a number is no text.
  assertEquals(iothreadOf(two, ["io10", "io2"]), "io10");
  assertEquals(iothreadOf({ virtio_disk_iothreads: 1 }, ["x"]), "x");
});

Deno.test("planDiskAdd() makes the first iothread, for every start, too", () => {
  const added = plan({ virtio_disk_iothreads: 1 });
  assertEquals(stepNames(added).slice(0, 2), ["stage-state", "object-add"]);
  const { arguments: args, undo } = qmpStep(added, "object-add");
  assertEquals(args, { "qom-type": "iothread", id: "iothread0" });
  assertEquals(undo?.execute, "object-del");
  const [stage] = added.steps;
  const change = stage?.kind === "stage-state" ? stage.change : undefined;
  const words = change !== undefined && "words" in change && change.words;
  const put = ["-object", "iothread,id=iothread0"];
  assertEquals(words, { title: "iothread", put });
  assertEquals(isIothreadWords(put), true);
});

Deno.test("planDiskAdd() gives none where Ganeti's start would give none", () => {
  const one = { virtio_disk_iothreads: 1 };
  assertEquals(iothreadOf({}), undefined);
  assertEquals(iothreadOf({ virtio_disk_iothreads: 0 }, ["x"]), undefined);
  assertEquals(iothreadOf({ ...one, disk_aio: "threads" }, ["x"]), undefined);
  // From the command line it is an option.
  assertEquals(iothreadOf(one, ["x"], {}), undefined);
});

Deno.test("isIothreadWords() takes no more than a plan writes", () => {
  for (
    const words of [
      ["-object", "iothread,id=a,b=c"],
      ["-object", "secret,id=a"],
      ["-device", "iothread,id=a"],
      ["-object"],
      "x",
    ]
  ) assertEquals(isIothreadWords(words), false);
});
