import { assertEquals } from "@std/assert";
import type { LiveTuning } from "../../lib/host/tap_tuning.ts";
import { nicDifferences } from "../../lib/nic/compare.ts";
import { EMPTY_RECORD } from "../../lib/state/own_check.ts";
import { compared, type ComparisonSpec } from "../support/comparison.ts";
import { facts, idOf, nic, uuidOf } from "../support/facts.ts";

const ID = idOf("nic", 0);

/** What is told of a NIC, and what helps, of which this is recorded. */
function told(
  note: Readonly<Record<string, string | number>>,
  live: LiveTuning,
  more: ComparisonSpec = {},
) {
  const devices = { [uuidOf("nic", 0)]: { kind: "nic", ...note } } as const;
  const given = compared({
    nics: [nic(0, 13)],
    own: { ...facts().own, record: { ...EMPTY_RECORD, devices } },
    tunings: new Map([[ID, live]]),
    ...more,
  });
  return nicDifferences(given).map(({ code, message, hint }) => {
    assertEquals(code, "tap-settings");
    return [message, hint];
  });
}

const SET = `to set the recorded values, run: kvm-hotplug nic modify vm1 ${ID}`;

Deno.test("tuningDifference() tells both values, and the command that mends it", () => {
  const free = { mtu: 1500, in: null, out: null };
  assertEquals(told({ rateIn: 65536 }, free), [[
    "NIC 0 is recorded with MTU 1500, to the guest 64k/s, from the guest unlimited, but its tap has MTU 1500, to the guest unlimited, from the guest unlimited",
    `${SET} --rate-in 65536 --rate-out 0`,
  ]]);
  // Where no rate is recorded, tc is not asked.
  const unknown = { in: "unknown", out: "unknown" } as const;
  assertEquals(told({ mtu: 9000 }, { mtu: 1500, ...unknown }), [[
    "NIC 0 is recorded with MTU 9000, but its tap has MTU 1500",
    `${SET} --mtu 9000`,
  ]]);
  const [one] = told({ rateOut: 65536, mtu: 9000 }, { ...free, out: 5000 });
  assertEquals(one?.[1], `${SET} --mtu 9000 --rate-in 0 --rate-out 65536`);
});

Deno.test("tuningDifference() compares each value", () => {
  const note = { rateIn: 5000, rateOut: 6000, mtu: 1400 };
  const live = { in: 5000, out: 6000, mtu: 1400 };
  assertEquals(told(note, live), []);
  for (const key of ["in", "out", "mtu"] as const) {
    assertEquals(told(note, { ...live, [key]: 7000 }).length, 1, key);
  }
  // What tc does not tell is not compared.
  assertEquals(told(note, { ...live, out: "unknown" }), []);
  assertEquals(told(note, { ...live, out: "unknown", in: 7000 }).length, 1);
  assertEquals(told(note, { ...live, in: "unknown" }), []);
  const unknown = { in: "unknown", out: "unknown" } as const;
  assertEquals(told(note, { ...live, ...unknown }), []);
  assertEquals(told(note, { ...unknown, mtu: 7000 }).length, 1);
});

Deno.test("tuningDifference() says nothing of a tap that was never set", () => {
  assertEquals(told({}, { mtu: 1400, in: 5000, out: 6000 }), []);
  // Nor of one that cannot be seen.
  assertEquals(
    told({ rateIn: 5000 }, { mtu: 1400, in: null, out: null }, {
      tunings: new Map(),
    }),
    [],
  );
});
