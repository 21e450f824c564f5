import { assertEquals } from "@std/assert";
import { endsWithCard } from "../../lib/nic/driver.ts";

Deno.test("endsWithCard() knows which QEMU ends with a card of a deleted tap", () => {
  const ends = (major: number, driver: string | undefined) =>
    endsWithCard(
      { version: { major, minor: 0, micro: 0, package: "" } },
      driver,
    );
  const virtio = ["virtio-net-pci", "virtio-net-pci-non-transitional"];
  for (const driver of virtio) {
    assertEquals([7, 8, 10].map((one) => ends(one, driver)), [
      ...[false, true, true],
    ]);
  }
  assertEquals([ends(10, "e1000"), ends(10, undefined)], [false, false]);
});
