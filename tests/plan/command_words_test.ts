import { assertEquals } from "@std/assert";
import { remark } from "../../lib/errors.ts";
import { presentRemark, rowRemarks } from "../../lib/plan/command_words.ts";

const present = (n: number) =>
  presentRemark(
    { kind: "vcpu", index: n, uuid: null, id: `vcpu-${n}` },
    "run this",
  );

Deno.test("rowRemarks() makes one of those about new devices", () => {
  const one = [present(1)];
  assertEquals(rowRemarks(one), one);
  const other = remark("other", "something else");
  const [first, ...more] = rowRemarks([
    ...[present(1), other, present(2), present(3)],
  ]);
  assertEquals([first?.code, first?.hint, first?.device], [
    one[0]?.code,
    one[0]?.hint,
    null,
  ]);
  assertEquals(
    first?.message,
    "3 devices (vcpu-1 to vcpu-3) are present; the guest brings them online",
  );
  assertEquals(more, [other]);
  const [two] = rowRemarks([present(1), present(2)]);
  assertEquals(
    two?.message,
    "vcpu-1 and vcpu-2 are present; the guest brings them online",
  );
});
