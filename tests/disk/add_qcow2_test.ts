import { assertEquals, assertMatch } from "@std/assert";
import type { DiskAddFacts } from "../../lib/disk/add_facts.ts";
import { planDiskAdd } from "../../lib/disk/add.ts";
import {
  diskAdd,
  diskAddFacts,
  planOf,
  planRefusal,
  qmpStep,
  stepNames,
  stepOf,
} from "../support/facts.ts";

const ASKED = { format: "qcow2", migratable: "not-needed" } as const;

function chain(layers: NonNullable<DiskAddFacts["chain"]>["layers"] = []) {
  return { ...diskAddFacts(), chain: { sizeBytes: 1 << 30, layers } };
}

const LAYERS = chain([
  { path: "/srv/b.qcow2", identity: "b", kind: "file", format: "qcow2" },
  { path: "/dev/dm-3", identity: "a", kind: "block", format: "raw" },
]);

Deno.test("planDiskAdd() hands over every image of a chain, opened", () => {
  const plan = planOf(planDiskAdd(diskAdd(ASKED), LAYERS));
  const opened = plan.steps.flatMap((step) =>
    step.kind === "open-source"
      ? [[step.path, step.access, step.pin ?? "source-pin"]]
      : []
  );
  assertEquals(opened, [
    ["/srv/new.img", "rw", "source-pin"],
    ["/srv/b.qcow2", "ro", "layer-pin:0"],
    ["/dev/dm-3", "ro", "layer-pin:1"],
  ]);
  const sets = (execute: string) =>
    plan.steps.flatMap((step) =>
      step.kind === "qmp" && step.execute === execute
        ? [step.arguments["fdset-id"]]
        : []
    );
  assertEquals([sets("add-fd"), sets("remove-fd")], [[1, 2, 3], [1, 2, 3]]);
  const read = {
    cache: { direct: false, "no-flush": false },
    "read-only": true,
    "auto-read-only": false,
  };
  const { driver, backing } = qmpStep(plan, "blockdev-add").arguments;
  assertEquals([driver, backing], ["qcow2", {
    driver: "qcow2",
    ...read,
    file: {
      driver: "file",
      filename: "/dev/fdset/2",
      aio: "threads",
      ...read,
    },
    backing: {
      driver: "raw",
      ...read,
      file: {
        driver: "host_device",
        filename: "/dev/fdset/3",
        aio: "threads",
        ...read,
      },
    },
  }]);
});

Deno.test("planDiskAdd() looks at what QEMU opened before the guest gets it", () => {
  const plan = planOf(planDiskAdd(diskAdd(ASKED), LAYERS));
  const names = stepNames(plan);
  const at = names.indexOf("verify-nodes");
  assertEquals(names.slice(at - 1, at + 2), [
    "blockdev-add",
    "verify-nodes",
    "device_add",
  ]);
  assertEquals(stepOf(plan, "verify-nodes").files, [
    "/dev/fdset/1",
    "/dev/fdset/2",
    "/dev/fdset/3",
  ]);
});

Deno.test("planDiskAdd() ends a chain that the image could go on with", () => {
  const plan = planOf(planDiskAdd(diskAdd(ASKED), chain()));
  assertEquals(qmpStep(plan, "blockdev-add").arguments.backing, null);
  const { format, size_bytes } = plan.device;
  assertEquals([format, size_bytes], ["qcow2", 1 << 30]);
});

Deno.test("planDiskAdd() takes qcow2 only where Ganeti's start may fail", () => {
  const error = planRefusal(
    "refused",
    LAYERS,
    (given) => planDiskAdd(diskAdd({ format: "qcow2" }), given),
  );
  assertMatch(error.hint ?? "", /--not-migratable/);
});

Deno.test("planDiskAdd() names all that a qcow2 file needs", () => {
  const lacks = (request: Parameters<typeof diskAdd>[0], more = {}) => {
    const given = diskAddFacts({ source: { magic: "qcow2", ...more } });
    const add = (one: DiskAddFacts) => planDiskAdd(diskAdd(request), one);
    const error = planRefusal("refused", given, add);
    assertMatch(
      error.message,
      /^Cannot add \/srv\/new.img: it is a qcow2 image/,
    );
    assertMatch(error.hint ?? "", /--format raw/);
    return error.details.lacks?.join(" ");
  };
  assertEquals(lacks({}), "--format qcow2 --not-migratable");
  assertEquals(lacks({ migratable: "not-needed" }), "--format qcow2");
  const fixed = { writeFault: "EROFS" };
  const all = "--format qcow2 --read-only --not-migratable";
  assertEquals(lacks({}, fixed), all);
});

Deno.test("planDiskAdd() takes what a guest may have written as raw", () => {
  const cases = [
    [{}, { path: "/dev/vg/d1", kind: "block" }, 1],
    [{ ganeti: { object: "{}", devType: "file" } }, {}, 1],
    [{ format: "raw" }, {}, 0],
  ] as const;
  for (const [request, more, count] of cases) {
    const given = diskAddFacts({ source: { magic: "qcow2", ...more } });
    const { warnings } = planOf(planDiskAdd(diskAdd(request), given));
    const about = warnings.filter(({ code }) => code === "looks-like-qcow2");
    assertEquals(about.length, count, JSON.stringify(warnings));
  }
});

Deno.test("planDiskAdd() refuses a source that is in use, or read-only", () => {
  const add = (given: DiskAddFacts) => planDiskAdd(diskAdd(), given);
  const inUseBy = "qemu-system-x86_64 (pid 7)";
  const used = diskAddFacts({ source: { inUseBy } });
  assertMatch(planRefusal("refused", used, add).message, /pid 7/);
  const fixed = diskAddFacts({ source: { writeFault: "EROFS" } });
  const { message, details } = planRefusal("refused", fixed, add);
  assertMatch(message, /EROFS/);
  assertEquals(details.lacks, ["--read-only", "--not-migratable"]);
});
