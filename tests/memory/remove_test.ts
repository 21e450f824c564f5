import { assertEquals, assertMatch } from "@std/assert";
import { freeStray, planMemoryRemove } from "../../lib/memory/remove.ts";
import { refusal } from "../support/facts.ts";
import {
  type Case,
  given,
  M,
  steps,
  VMEM_DATA,
  WITH_DIMM,
  WITH_VMEM,
} from "../support/memory.ts";

function remove(device: string, one: Case) {
  const about = { kind: "memory-remove", instance: "vm1" } as const;
  return planMemoryRemove({ ...about, device }, given(one));
}

/** A virtio-mem device of which the guest has so much, in this release. */
function vmem(
  sizes: { size: number; "requested-size": number },
  [major, minor]: readonly [number, number],
): Case {
  const version = { major, minor, micro: 0, package: "" };
  const live = [{ ...VMEM_DATA, data: { ...VMEM_DATA.data, ...sizes } }];
  return { ...WITH_VMEM, live, qemu: { version } };
}

const EMPTY = { size: 0, "requested-size": 0 };

Deno.test("planMemoryRemove() knows the releases that let virtio-mem go", () => {
  for (const release of [[7, 2], [8, 0], [8, 1]] as const) {
    const { message } = refusal(
      "unsupported",
      () => remove("vmem0", vmem(EMPTY, release)),
    );
    assertMatch(message, new RegExp(`QEMU ${release.join(".")} cannot unplug`));
  }
  for (const release of [[8, 2], [8, 3], [9, 0], [10, 0]] as const) {
    const plan = remove("vmem0", vmem(EMPTY, release));
    assertEquals(steps(plan)[1]?.kind, "unplug");
  }
});

Deno.test("planMemoryRemove() says how the guest gives memory back", () => {
  const used = { size: 256 * M, "requested-size": 256 * M };
  const shrink = "kvm-hotplug memory set vm1 512M";
  const old = (sizes: typeof EMPTY, more: Case = {}) =>
    refusal(
      "unsupported",
      () => remove("vmem0", { ...vmem(sizes, [7, 2]), ...more }),
    ).hint;
  const stays =
    "the device stays until the VM ends; it gives the guest no memory";
  assertEquals(old(EMPTY), stays);
  assertEquals(
    old(used),
    `to take all of its memory from the guest, run: ${shrink}`,
  );
  // Where QEMU does not tell the VM's memory, there is no size to name.
  const version = { major: 7, minor: 2, micro: 0, package: "" };
  const { machineMemory: _, ...more } = given(WITH_VMEM).qemu.more;
  assertEquals(old(used, { qemu: { version, more } }), stays);
  const taken = (sizes: typeof EMPTY) =>
    refusal("refused", () => remove("vmem0", vmem(sizes, [10, 0])));
  const { message, hint } = taken(used);
  assertMatch(message, /the guest has 256M of it, 256M is requested/);
  assertEquals(hint, `to take it from the guest first, run: ${shrink}`);
  taken({ size: 1, "requested-size": 0 });
  taken({ size: 0, "requested-size": 1 });
  const newer = { version: { ...version, major: 10 }, more };
  const untold = refusal(
    "refused",
    () => remove("vmem0", { ...WITH_VMEM, qemu: newer }),
  );
  assertEquals(untold.hint, undefined);
});

Deno.test("planMemoryRemove() needs ACPI, and a VM at rest first", () => {
  const code = (
    one: "unsupported" | "migrating",
    qemu: Case["qemu"] & object,
  ) => refusal(one, () => remove("dimm-0", { ...WITH_DIMM, qemu })).message;
  assertMatch(code("unsupported", { acpi: "off" }), /memory needs ACPI/);
  code("migrating", { acpi: "off", migration: "active" });
});

Deno.test("freeStray() frees the backend of memory, or the backend itself", () => {
  const freed = (id: string, one: Case) =>
    JSON.parse(JSON.stringify(freeStray(given(one), id)))
      .map((step: { arguments: { id: string } }) => step.arguments.id);
  assertEquals(freed("vmem0", { live: [VMEM_DATA] }), ["vmem0-ram"]);
  assertEquals(freed("x", { backends: ["x", "mem-x"] }), ["x"]);
  assertEquals(freed("x", { backends: ["mem-x"] }), ["mem-x"]);
  assertEquals(freed("x", {}), []);
});
