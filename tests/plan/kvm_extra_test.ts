import { assertEquals } from "@std/assert";
import { kvmExtra } from "../../lib/plan/kvm_extra.ts";

Deno.test("kvmExtra() says each option once, with two dashes", () => {
  assertEquals(kvmExtra([]), null);
  assertEquals(
    kvmExtra([
      { option: "smp", value: "maxcpus=8" },
      { option: "m", value: "slots=8" },
      { option: "m", value: "maxmem=16G" },
      { option: "m", value: "slots=8" },
    ]),
    "--smp maxcpus=8 --m slots=8,maxmem=16G",
  );
});
