import { assertEquals } from "@std/assert";
import { repairText } from "../../lib/commands/repair.ts";
import { remark } from "../../lib/errors.ts";

Deno.test("repairText() ends with what is left to wait for", () => {
  const end = (pending: number, more: object = {}) =>
    repairText({
      ...{ instance: "vm1", repaired: [], remaining: [], qemu: "runs" },
      pending: Array(pending).fill(remark("pending-removal", "it waits")),
      ...more,
    }).at(-1);
  const repaired = [{ what: "a", did: "b" }];
  assertEquals(
    [end(0), end(0, { qemu: "down" }), end(1), end(2, { repaired })],
    [
      "vm1: the runtime file, QEMU and the node agree",
      "vm1: the VM does not run; the runtime file and the node agree",
      "vm1: nothing to repair; 1 removal waits for the guest",
      "vm1: nothing else to repair; 2 removals wait for the guest",
    ],
  );
  const remaining = [remark("leftover", "a file is left over")];
  assertEquals(end(1, { remaining }), "Pending: it waits");
});
