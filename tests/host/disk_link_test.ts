import { assertEquals, assertThrows } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import { changeDiskLinks, readDiskLinks } from "../../lib/host/disk_link.ts";
import { SysError } from "../../lib/sys/errno.ts";
import { openFds, TempDir } from "../sys/support.ts";

const NAMES = ["vm1:0", "vm1:1", "vm1:2"];

Deno.test("changeDiskLinks() makes, changes and removes links", () => {
  using dir = new TempDir();
  const before = openFds();
  const links = () => readDiskLinks(dir.path, NAMES);
  const none = { "vm1:0": null, "vm1:1": null, "vm1:2": null };
  assertEquals(links(), none);
  // Left by a call that was killed.
  Deno.symlinkSync("/dev/null", dir.at("vm1:1.new"));
  const some = { "vm1:0": "/dev/vg/a", "vm1:1": "/dev/vg/b", "vm1:2": null };
  for (const _ of [1, 2]) {
    changeDiskLinks(dir.path, some);
    assertEquals(links(), some);
  }
  const other = { ...some, "vm1:0": "/dev/vg/c", "vm1:1": null };
  changeDiskLinks(dir.path, other);
  assertEquals(links(), other);
  changeDiskLinks(dir.path, none);
  assertEquals(links(), none);
  assertEquals([...Deno.readDirSync(dir.path)], []);
  assertEquals(openFds(), before);
});

Deno.test("changeDiskLinks() leaves alone what is no link", () => {
  using dir = new TempDir();
  dir.file("vm1:0", "a file");
  for (const target of ["/dev/vg/a", null]) {
    const change = () => changeDiskLinks(dir.path, { "vm1:0": target });
    assertThrows(change, HotplugError, "is not a symbolic link");
  }
  assertThrows(
    () => readDiskLinks(dir.path, NAMES),
    HotplugError,
    "not a symbolic link",
  );
  assertThrows(() => readDiskLinks(dir.at("none"), NAMES), SysError, "ENOENT");
  assertEquals(Deno.readTextFileSync(dir.at("vm1:0")), "a file");
});
