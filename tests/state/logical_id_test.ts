import { assertEquals } from "@std/assert";
import { logicalPaths } from "../../lib/state/logical_id.ts";
import { disk, runtime } from "../support/facts.ts";

/** The paths of a disk of this kind. */
function paths(dev_type: string, logical_id: (string | number)[]): string[] {
  const { disks: [entry] } = runtime({
    disks: [disk(0, 12, { dev_type, logical_id })],
  });
  return logicalPaths(entry!);
}

Deno.test("logicalPaths() knows the kinds whose device has a lasting name", () => {
  for (const kind of ["file", "sharedfile", "blockdev"]) {
    assertEquals(paths(kind, ["loop", "/srv/d"]), ["/srv/d"]);
    assertEquals(paths(kind, ["loop", "srv/d"]), []);
    assertEquals(paths(kind, ["loop", 7]), []);
  }
  for (const kind of ["plain", "lvm"]) {
    assertEquals(paths(kind, ["vg", "lv"]), ["/dev/vg/lv"]);
    assertEquals(paths(kind, ["vg"]), []);
  }
  const drbd = ["a", "b", 11_000, 4, 7, "secret"];
  for (const kind of ["drbd", "drbd8"]) {
    assertEquals(paths(kind, drbd), ["/dev/block/147:4", "/dev/block/147:7"]);
    assertEquals(paths(kind, drbd.slice(0, 4)), ["/dev/block/147:4"]);
  }
  const { disks: [entry] } = runtime({
    disks: [disk(0, 12, {
      dev_type: "drbd",
      logical_id: drbd,
      dynamic_params: { "local-minor": 7 },
    })],
  });
  assertEquals(logicalPaths(entry!), ["/dev/block/147:7"]);
  assertEquals(paths("rbd", ["rbd", "/srv/d"]), []);
  assertEquals(paths("file", []), []);
});
