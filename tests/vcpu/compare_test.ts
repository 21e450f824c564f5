import { assertEquals } from "@std/assert";
import { vcpuAdoption } from "../../lib/vcpu/adopt.ts";
import { vcpuDifferences } from "../../lib/vcpu/compare.ts";
import { vcpuMend } from "../../lib/vcpu/mend.ts";
import { VCPU } from "../../lib/vcpu/name.ts";
import { placeOfId, placesOf } from "../../lib/vcpu/places.ts";
import { present } from "../support/facts.ts";
import { DRIVER, given, whole, words } from "../support/vcpu.ts";

Deno.test("vcpuDifferences() tells both places of a processor", () => {
  const other = { has: ["", null, "vcpu-1"], recorded: words("vcpu-1", 1) };
  const at = (core: number) =>
    `${DRIVER} at socket-id=0,core-id=${core},thread-id=0`;
  assertEquals(vcpuDifferences(whole(other)), [{
    code: "place",
    device: { kind: "vcpu", index: 0, id: "vcpu-1", uuid: null },
    message: `vcpu 0 (vcpu-1) is recorded as ${at(1)}, but QEMU has ${at(2)}`,
    hint: "kvm-hotplug repair vm1",
    mend: { word: "place", did: "recorded the processor as QEMU has it" },
  }]);
});

Deno.test("vcpuDifferences() tells of another driver in the same place", () => {
  const recorded = words("vcpu-1", 1).map((one) =>
    one.replace(DRIVER, "host-x86_64-cpu")
  );
  const found = vcpuDifferences(whole({ has: ["", "vcpu-1"], recorded }));
  assertEquals(found.map(({ code }) => code), ["place"]);
});

Deno.test("vcpuMend() plans nothing for what is not there", () => {
  const there = { has: ["", "vcpu-1"], recorded: words("vcpu-1", 1) };
  const [place] = vcpuDifferences(
    whole({ ...there, has: ["", null, "vcpu-1"] }),
  );
  const found = present(place);
  const gone = { ...there, has: ["", null] };
  assertEquals(vcpuMend(whole(gone), found), undefined);
  assertEquals(vcpuMend(whole({ has: [""] }), found), undefined);
  assertEquals(vcpuMend(whole(there), { ...found, device: null }), undefined);
});

Deno.test("vcpuMend() names its plan", () => {
  const there = { has: ["", null, "vcpu-1"], recorded: words("vcpu-1", 1) };
  const [found] = vcpuDifferences(whole(there));
  const plan = vcpuMend(whole(there), present(found));
  assertEquals([plan?.action, plan?.title, plan?.kinds], [
    ...["mend", "the place of vcpu-1", ["vcpu"]],
  ]);
  assertEquals(plan?.steps.map(({ kind }) => kind), [
    ...["stage-state", "own-record", "commit-state"],
  ]);
});

Deno.test("VCPU.strays() tells which the VM was started with", () => {
  const one = given({ has: ["", "a", "b", null] });
  const argv = ["/usr/bin/kvm", ...words("a", 1)];
  const qemu = { ...one.qemu, process: { pid: 1, argv } };
  assertEquals(VCPU.strays(qemu, new Set()), [
    { id: "a", kind: "vcpu", has: "device", origin: "started" },
    { id: "b", kind: "vcpu", has: "device", origin: "plugged" },
  ]);
  assertEquals(
    VCPU.strays({ ...qemu, process: undefined }, new Set(["a", "b"])),
    [],
  );
});

Deno.test("VCPU.ending() asks the places, and hears the guest by ACPI", () => {
  const { advice: _, ...ending } = VCPU.ending("a");
  assertEquals(ending, {
    asks: {
      execute: "query-hotpluggable-cpus",
      has: { "qom-path": "/machine/peripheral/a" },
    },
    everyMs: 100,
    acpi: { slotType: "CPU" },
  });
});

Deno.test("placeOfId() finds only what has an id", () => {
  const places = placesOf(given({ has: ["", "a", null] }).qemu);
  assertEquals(placeOfId(places, "a")?.index, 1);
  assertEquals(placeOfId(places, "b"), undefined);
  assertEquals(placeOfId(places, undefined), undefined);
  assertEquals(placesOf({ more: {} }), []);
});

Deno.test("vcpuAdoption() notes the adopted processors and no others", () => {
  const one = given({ has: ["", "a", "b"] });
  const found = vcpuAdoption(one);
  assertEquals(found.live.length, 2);
  const [first] = found.judge(one as never, []);
  const adopted = present(first);
  if (!("change" in adopted)) throw new TypeError("left out");
  assertEquals([adopted.kind, adopted.id, adopted.warnings], [
    ...["vcpu", "a", []],
  ]);
  const steps = found.steps(one as never, [adopted]);
  assertEquals(
    JSON.parse(JSON.stringify(steps)).map((
      { kind, change }: { kind: string; change: Record<string, unknown> },
    ) => [kind, change.uuid, change.after]),
    [["own-record", "a", { kind: "vcpu", words: words("a", 1) }]],
  );
});

Deno.test("vcpuAdoption() leaves what Ganeti records in its own way", () => {
  const later = given({ has: ["", "a"], later: [[], [], ["cpu"]] });
  assertEquals(vcpuAdoption(later).judge(later as never, []), [undefined]);
});
