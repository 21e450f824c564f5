import { assertEquals } from "@std/assert";
import { findQemu } from "../../lib/host/process.ts";
import { run, TempDir } from "../sys/support.ts";

Deno.test("findQemu() is not held by a FIFO or device as pid file", async () => {
  using dir = new TempDir();
  await run("mkfifo", dir.at("fifo"));
  Deno.symlinkSync("/dev/zero", dir.at("zero"));
  Deno.mkdirSync(dir.at("folder"));
  for (const name of ["fifo", "zero", "folder", "missing"]) {
    assertEquals(findQemu(dir.at(name), "vm1"), undefined);
  }
});
