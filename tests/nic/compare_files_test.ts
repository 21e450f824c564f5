import { assertEquals } from "@std/assert";
import { nicDifferences } from "../../lib/nic/compare.ts";
import { nicMend } from "../../lib/nic/mend.ts";
import { compared, type ComparisonSpec } from "../support/comparison.ts";
import { idOf, nic } from "../support/facts.ts";
import { known } from "../support/steps.ts";

const ONE = { nics: [nic(0, 13)] };
const TWO = { nics: [nic(0, 13), nic(1, 14)] };
const DIR = "/run/g/kvm-hypervisor/nic/vm1";

/** What is told of NIC files, and which files its mend leaves of which. */
function told(spec: ComparisonSpec) {
  const given = compared(spec);
  return nicDifferences(given)
    .filter(({ code }) => code.includes("nic-file"))
    .map((one) => ({
      what: one.message,
      mends: one.mend?.did ?? one.hint,
      steps: [nicMend(given, one)].flatMap((plan) =>
        plan === undefined ? [] : known(plan, given.paths).steps
      ).flatMap((step) =>
        step.kind === "nic-files" ? [step.before, step.after] : []
      ),
    }));
}

Deno.test("NIC files that are right are not told of", () => {
  assertEquals(told(TWO), []);
  assertEquals(told({}), []);
});

Deno.test("a NIC file that is missing or wrong is mended", () => {
  const after = { 0: "tap0", 1: "tap1" };
  const wrong = (index: number, names: string) =>
    `NIC file ${DIR}/${index} names ${names}, but the tap of NIC ${index} is tap${index}`;
  const mends = "wrote them";
  assertEquals(told({ ...TWO, nicFiles: { 1: "tap1" } }), [
    { what: wrong(0, "nothing"), mends, steps: [{ 1: "tap1" }, after] },
  ]);
  const swapped = { 0: "tap1", 1: "tap0" };
  // One plan mends both.
  assertEquals(told({ ...TWO, nicFiles: swapped }), [
    { what: wrong(0, "tap1"), mends, steps: [swapped, after] },
    { what: wrong(1, "tap0"), mends, steps: [swapped, after] },
  ]);
});

const NONE = {
  what: `The NIC files in ${DIR} do not name QEMU's taps`,
  mends: "wrote them",
  steps: [{}, { 0: "tap0" }],
};

Deno.test("NIC files that are not there are made, if they can be", () => {
  const nicFiles = undefined;
  assertEquals(told({ ...ONE, nicFiles }), [NONE]);
  assertEquals(told({ ...ONE, nicFiles, nicDirectoryPossible: false }), []);
  assertEquals(told({ nicFiles }), []);
  // A NIC that is no tap has none.
  const netdevs = new Map([[idOf("nic", 0), { tap: undefined, queues: 1 }]]);
  assertEquals(told({ ...ONE, nicFiles, qemu: { netdevs } }), []);
});

Deno.test("NIC files that cannot be are told of, whoever needs them", () => {
  const nicFilesFault = "it is no directory";
  const what = `Cannot use the NIC files in ${DIR}: ${nicFilesFault}`;
  const mends = "move that away, then run: kvm-hotplug repair vm1";
  for (const nics of [[nic(0, 13)], []]) {
    assertEquals(told({ nics, nicFiles: undefined, nicFilesFault }), [
      { what, mends, steps: [] },
    ]);
  }
});

Deno.test("NIC files are not mended while a NIC is gone from QEMU", () => {
  const qemu = { deviceIds: new Set([idOf("nic", 0)]) };
  const nicFiles = { 0: "tap9", 1: "tap1" };
  const path = `${DIR}/0`;
  // It is told of all the same, with what a person can do.
  assertEquals(told({ ...TWO, nicFiles, qemu }), [{
    what: `NIC file ${path} names tap9, but the tap of NIC 0 is tap0`,
    mends: `printf %s tap0 > ${path}`,
    steps: [],
  }]);
  assertEquals(told({ ...TWO, nicFiles: undefined, qemu }), []);
});

Deno.test("a NIC file of a tap that is gone is removed", () => {
  assertEquals(told({ ...ONE, nicFiles: { 0: "tap0", 7: "tap7" } }), [
    {
      what: `NIC file ${DIR}/7 belongs to no recorded NIC`,
      mends: "removed it",
      steps: [{ 7: "tap7" }, {}],
    },
  ]);
});

Deno.test("a NIC file of somebody's interface is left alone", () => {
  const spec = { ...ONE, nicFiles: { 0: "tap0", 7: "lo" } };
  const left = (whose: string) => [{
    what:
      `NIC file ${DIR}/7 belongs to no recorded NIC, and names interface lo, ${whose}`,
    mends: `rm ${DIR}/7`,
    steps: [],
  }];
  const taps = new Set(["tap0", "lo"]);
  const heldTaps = new Set(["tap0"]);
  assertEquals(
    told({ ...spec, taps, heldTaps }),
    left("which QEMU does not have open"),
  );
  assertEquals(
    told({ ...spec, taps, heldTaps: undefined }),
    left("and it is not known whether QEMU has it open"),
  );
});

Deno.test("a tap that only the file of no NIC names is closed, and that goes", () => {
  const taps = new Set(["tap0", "tap7"]);
  const spec = { ...ONE, nicFiles: { 0: "tap0", 7: "tap7" }, taps };
  const given = compared({ ...spec, heldTaps: taps });
  const [first, second, ...others] = nicDifferences(given);
  assertEquals(others, []);
  assertEquals(first?.message, "QEMU has tap tap7 open, but no NIC uses it");
  assertEquals(first?.mend?.word, "fd-names");
  assertEquals(second?.mend?.word, "stray-nic-file");
  // A NIC whose backend tells no tap has the one that its file names.
  const hidden = { ...ONE, nicFiles: { 0: "tap0" }, taps };
  const qemu = {
    netdevs: new Map([[idOf("nic", 0), { tap: undefined, queues: 1 }]]),
  };
  const alone = compared({ ...hidden, qemu, heldTaps: new Set(["tap0"]) });
  assertEquals(nicDifferences(alone), []);
});

Deno.test("a NIC file of a tap that some backend has goes with that", () => {
  const nicFiles = { 0: "tap0", 7: "tap7" };
  const netdevs = new Map([
    [idOf("nic", 0), { tap: "tap0", queues: 1 }],
    ["other", { tap: "tap7", queues: 1 }],
  ]);
  const heldTaps = new Set(["tap0", "tap7"]);
  const spec = { ...ONE, nicFiles, heldTaps, taps: heldTaps };
  assertEquals(told({ ...spec, qemu: { netdevs } }), []);
  // A master chose another number for a recorded one.
  assertEquals(told({ ...spec, nicFiles: { 0: "tap0", 5: "tap0" } }), []);
});
