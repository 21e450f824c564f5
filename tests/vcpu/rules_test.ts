import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import { freePlaces, vcpuRules } from "../../lib/vcpu/rules.ts";
import { refusal } from "../support/facts.ts";
import { type Case, given } from "../support/vcpu.ts";

function refused(count: number, one: Case, cannot?: string) {
  const { message, hint = "" } = refusal(
    "unsupported",
    () => freePlaces(given(one), { count, ...(cannot && { cannot }) }),
  );
  return { message, hint };
}

Deno.test("freePlaces() gives as many as are asked for, the lowest", () => {
  const cores = (count: number) =>
    freePlaces(given({ has: ["", null, "a", null, null] }), { count })
      .map(({ index }) => index);
  assertEquals(cores(1), [1]);
  assertEquals(cores(2), [1, 3]);
  assertEquals(cores(3), [1, 3, 4]);
});

Deno.test("freePlaces() says why there are not as many", () => {
  assertEquals(
    refused(1, { has: [] }).message,
    "Cannot add 1 processor: QEMU tells of no place for a processor",
  );
  assertEquals(refused(1, { has: ["", ""] }), {
    message:
      "Cannot add 1 processor: the VM can have at most 2 (maxcpus); it has 2",
    hint: "for the next start, add to hvparam kvm_extra: --smp maxcpus=8",
  });
  assertEquals(
    refused(8, { has: ["", null, null] }, "Cannot set 9 processors"),
    {
      message:
        "Cannot set 9 processors: the VM can have at most 3 (maxcpus); it has 1",
      hint: "for the next start, add to hvparam kvm_extra: --smp maxcpus=9",
    },
  );
  const smp = "2,sockets=1,cores=2,threads=1";
  const fixed = refused(1, { has: ["", ""], recorded: ["-smp", smp] });
  const limited = /the topology of -smp .* limit the number/;
  assertMatch(fixed.hint, limited);
  // QEMU would not start with as many.
  assertMatch(refused(65_535, { has: ["", null] }).hint, limited);
  assertMatch(refused(254, { has: ["", null] }).hint, /--smp maxcpus=255$/);
});

Deno.test("vcpuRules() propose twice the processors, at least 8", () => {
  const start = (present: number, ...smp: string[]) =>
    vcpuRules(given({ has: Array(present).fill(""), recorded: smp }))
      .flatMap(({ start = [] }) => start)
      .map(({ option, value }) => `${option} ${value}`);
  assertEquals(start(1), ["smp maxcpus=8"]);
  assertEquals(start(4), ["smp maxcpus=8"]);
  assertEquals(start(5), ["smp maxcpus=10"]);
  assertEquals(start(200), ["smp maxcpus=255"]);
  // A whole number of what stands above the rest.
  assertEquals(start(5, "-smp", "5,sockets=1,cores=3"), ["smp maxcpus=12"]);
  assertEquals(start(5, "-smp", "5,cores=2,threads=2"), ["smp maxcpus=12"]);
  assertEquals(start(2, "-smp", "2,dies=1,sockets=2,threads=2"), [
    "smp maxcpus=8",
  ]);
  assertEquals(start(2, "-smp", "2,sockets=1,cores=1,threads=2"), []);
  // A machine that tells of no places needs another machine type, not room.
  assertEquals(start(0), []);
});

Deno.test("vcpuRules() tell their names, and how many places are taken", () => {
  const rules = vcpuRules(given({ has: ["", "a", null] }));
  assertEquals(rules.map(({ name, at }) => [name, at]), [
    ["vcpu-machine-type", "before-place"],
    ["vcpu-acpi", "before-place"],
    ["maxcpus", "before-place"],
  ]);
  const [, , room] = rules;
  assertEquals(room?.state(), "2 of 3 places are taken");
  room?.refuse();
  const full = vcpuRules(given({ has: ["", "a"] })).at(-1);
  assertThrows(() => full?.refuse(), HotplugError, "at most 2 (maxcpus)");
});
