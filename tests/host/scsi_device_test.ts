import { assertEquals } from "@std/assert";
import { passThroughFault } from "../../lib/host/scsi_device.ts";
import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { expectFds, openFds, TempDir } from "../sys/support.ts";

Deno.test("passThroughFault() tells what takes no SCSI commands", async () => {
  using dir = new TempDir();
  using pinned = openFile(dir.file("disk", "disk"), O.PATH);
  const before = openFds();
  for (const driver of ["scsi-block", "scsi-generic"]) {
    const why = await passThroughFault(pinned, driver);
    assertEquals(why, "it does not accept SCSI commands (ENOTTY)");
  }
  await expectFds(before);
});
