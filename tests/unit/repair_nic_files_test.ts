import { assertEquals } from "@std/assert";
import { nicFileFindings } from "../../lib/nic/findings.ts";
import type { RepairFacts } from "../../lib/repair/findings.ts";
import { facts, idOf, nic } from "./support.ts";

const TWO = { nics: [nic(0, 13), nic(1, 14)] };

function findings(
  spec: Parameters<typeof facts>[0],
  more: Partial<RepairFacts> = {},
) {
  const all: RepairFacts = {
    ...facts(spec),
    blockJobs: [],
    leftovers: [],
    heldTaps: new Set(["tap0", "tap1"]),
    taps: new Set(["tap0", "tap1"]),
    drift: [],
    ...more,
  } as RepairFacts;
  return nicFileFindings(all).map(({ what, did, hint, plan }) => ({
    what,
    mends: did ?? hint,
    steps: plan?.steps.flatMap((step) =>
      step.kind === "nic-files" ? [step.before, step.after] : []
    ),
  }));
}

const WRONG = {
  what: "The NIC files in /run/g/kvm-hypervisor/nic/vm1 do not name the taps" +
    " that QEMU has",
  mends: "wrote them",
};

Deno.test("nicFileFindings() has nothing where the files are right", () => {
  assertEquals(findings(TWO), []);
  assertEquals(findings({}), []);
});

Deno.test("nicFileFindings() mends a file that is missing or wrong", () => {
  const after = { 0: "tap0", 1: "tap1" };
  assertEquals(findings({ ...TWO, nicFiles: { 1: "tap1" } }), [
    { ...WRONG, steps: [{ 1: "tap1" }, after] },
  ]);
  const swapped = { 0: "tap1", 1: "tap0" };
  assertEquals(findings({ ...TWO, nicFiles: swapped }), [
    { ...WRONG, steps: [swapped, after] },
  ]);
});

Deno.test("nicFileFindings() waits while a NIC is gone from QEMU", () => {
  const deviceIds = new Set([idOf("nic", 0)]);
  assertEquals(
    findings({
      ...TWO,
      nicFiles: { 0: "tap9", 1: "tap1" },
      qemu: { deviceIds },
    }),
    [],
  );
});

Deno.test("nicFileFindings() removes a file of a tap that is gone", () => {
  const nicFiles = { 0: "tap0", 7: "tap7" };
  assertEquals(findings({ nics: [nic(0, 13)], nicFiles }), [
    {
      what: "NIC file 7 is of no NIC",
      mends: "removed it",
      steps: [{ 7: "tap7" }, {}],
    },
  ]);
});

Deno.test("nicFileFindings() leaves a file of somebody's interface", () => {
  const nicFiles = { 0: "tap0", 7: "lo" };
  const spec = { nics: [nic(0, 13)], nicFiles };
  assertEquals(findings(spec, { taps: new Set(["tap0", "lo"]) }), [{
    what:
      "NIC file 7 is of no NIC, and names interface lo, which QEMU has not open",
    mends: "rm /run/g/kvm-hypervisor/nic/vm1/7",
    steps: undefined,
  }]);
  const held = { taps: new Set(["lo"]), heldTaps: new Set(["lo"]) };
  assertEquals(findings(spec, held), []);
  assertEquals(
    findings(spec, { taps: new Set(["lo"]), heldTaps: undefined }),
    [],
  );
});
