import { assertEquals } from "@std/assert";
import {
  limitArguments,
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
  assertEquals(typeof limitsFault({ iops: 5, "iops-write": 6 }), "string");
  assertEquals(typeof limitsFault({ bps: 5, "bps-read": 6 }), "string");
});
