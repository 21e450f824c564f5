import { assertEquals } from "@std/assert";
import {
  limitArguments,
  limitsFault,
  mergeLimits,
  readLimits,
} from "../../lib/qmp/io_limits.ts";

Deno.test("readLimits() reads what limitArguments() sends", () => {
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
  assertEquals(readLimits(sent), limits);
  assertEquals(readLimits({ iops: "7", bps: -1 }), {});
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
