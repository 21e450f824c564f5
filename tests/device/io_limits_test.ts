import { assertEquals } from "@std/assert";
import {
  type IoLimits,
  limitArguments,
  type LimitName,
  limitsFault,
  limitsIn,
  mergeLimits,
} from "../../lib/device/io_limits.ts";
import { BLOCK } from "../../lib/qmp/commands.ts";

Deno.test("limitsIn() tells what limitArguments() sends", () => {
  const limits = { iops: 1, "bps-read": 2, "bps-write": 3 };
  const sent = limitArguments(limits);
  assertEquals(sent, {
    iops: 1,
    iops_rd: 0,
    iops_wr: 0,
    bps: 0,
    bps_rd: 2,
    bps_wr: 3,
  });
  const [backend] = BLOCK.read([{ inserted: sent }]);
  assertEquals(limitsIn(backend ?? {}), limits);
  const [odd] = BLOCK.read([{ inserted: { iops: "7", bps: -1 } }]);
  assertEquals(limitsIn(odd ?? {}), {});
});

Deno.test("mergeLimits() takes 0 for no limit", () => {
  assertEquals(mergeLimits({ iops: 5, bps: 6 }, { iops: 0 }), { bps: 6 });
  assertEquals(mergeLimits({}, { "iops-read": 8 }), { "iops-read": 8 });
});

Deno.test("limitsFault() tells both directions from a single one", () => {
  assertEquals(limitsFault({ iops: 5, "bps-read": 6 }), undefined);
  assertEquals(limitsFault({ iops: 5, "iops-write": 0 }), undefined);
  const names = (limits: IoLimits) => limitsFault(limits)?.names;
  assertEquals(names({ iops: 5, "iops-write": 6 }), ["iops", "iops-write"]);
  assertEquals(names({ bps: 5, "bps-read": 6 }), ["bps", "bps-read"]);
});

Deno.test("limitArguments() has bursts, and ends those that are not given", () => {
  const limits = {
    ...{ bps: 10, "bps-max": 20, "bps-max-length": 5 },
    ...{ "iops-read": 3, "iops-size": 4096 },
  };
  const sent = limitArguments(limits);
  assertEquals(sent, {
    ...{ iops: 0, iops_rd: 3, iops_wr: 0, bps: 10, bps_rd: 0, bps_wr: 0 },
    ...{ bps_max: 20, bps_max_length: 5, iops_size: 4096 },
  });
  const [backend] = BLOCK.read([{ inserted: sent }]);
  assertEquals(limitsIn(backend ?? {}), limits);
  // QEMU tells a second where none was given.
  const told = { bps: 10, bps_max: 20, bps_max_length: 1 };
  const [plain] = BLOCK.read([{ inserted: told }]);
  assertEquals(limitsIn(plain ?? {}), { bps: 10, "bps-max": 20 });
});

Deno.test("mergeLimits() ends a burst with its rate", () => {
  const now = {
    ...{ iops: 5, "iops-max": 9, "iops-max-length": 3, "iops-size": 512 },
    bps: 6,
  };
  assertEquals(mergeLimits(now, { iops: 0 }), { bps: 6 });
  assertEquals(mergeLimits(now, { "iops-max": 0 }), {
    ...{ iops: 5, bps: 6, "iops-size": 512 },
  });
});

Deno.test("limitsFault() refuses a burst without its rate, or below it", () => {
  const wrong: [IoLimits, names: LimitName[]][] = [
    [{ "iops-max": 5 }, ["iops-max", "iops"]],
    [{ iops: 5, "iops-max": 4 }, ["iops-max", "iops"]],
    [{ iops: 5, "iops-max-length": 2 }, ["iops-max-length", "iops-max"]],
    [{ bps: 5, "iops-size": 512 }, ["iops-size"]],
    [
      { iops: 5, "iops-max": 9, "iops-read-max": 9 },
      ["iops-max", "iops-read-max"],
    ],
    [
      { bps: 5, "bps-max": 1e14, "bps-max-length": 100 },
      ["bps-max", "bps-max-length"],
    ],
  ];
  for (const [limits, names] of wrong) {
    assertEquals(limitsFault(limits)?.names, names);
  }
  const right = { iops: 5, "iops-max": 5, "iops-max-length": 60 };
  assertEquals(limitsFault(right), undefined);
});
