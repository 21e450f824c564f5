import { assertEquals, assertThrows } from "@std/assert";
import {
  changeNicFiles,
  makeNicDirectory,
  readNicFiles,
  removeNicDirectory,
} from "../../lib/host/nic_file.ts";
import { SysError } from "../../lib/sys/errno.ts";
import { openFds, run, TempDir } from "../sys/support.ts";

Deno.test("changeNicFiles() writes and removes what it is told to", () => {
  using dir = new TempDir();
  const path = dir.at("vm1");
  const before = openFds();
  assertEquals(readNicFiles(path), { state: "missing" });
  const mask = Deno.umask(0o077);
  makeNicDirectory(path);
  makeNicDirectory(path);
  Deno.umask(mask);
  assertEquals((Deno.statSync(path).mode ?? 0) & 0o7777, 0o775);
  const files = () => {
    const folder = readNicFiles(path);
    return folder.state === "there" ? folder.files : folder;
  };
  Deno.writeTextFileSync(`${path}/1.new`, "left by a kill");
  Deno.writeTextFileSync(`${path}/other`, "not a NIC's");
  const [one, two] = [{ 0: "tap0", 1: "tap1" }, { 1: "tap2" }];
  for (const _ of [1, 2]) {
    changeNicFiles(path, { from: {}, to: one });
    assertEquals(files(), one);
  }
  const { mode } = Deno.statSync(`${path}/0`);
  assertEquals((mode ?? 0) & 0o7777, 0o600);
  for (const _ of [1, 2]) {
    changeNicFiles(path, { from: one, to: two });
    assertEquals(files(), two);
  }
  changeNicFiles(path, { from: two, to: one });
  assertEquals(files(), one);
  removeNicDirectory(path);
  assertEquals(files(), one);
  changeNicFiles(path, { from: one, to: {} });
  Deno.removeSync(`${path}/other`);
  removeNicDirectory(path);
  removeNicDirectory(path);
  assertEquals(readNicFiles(path), { state: "missing" });
  assertEquals(openFds(), before);
});

Deno.test("readNicFiles() uses nothing but files in a folder", () => {
  using dir = new TempDir();
  const plants: Record<string, () => void> = {
    "a folder": () => Deno.mkdirSync(dir.at("7")),
    "a link": () => Deno.symlinkSync(dir.file("x", "tap9"), dir.at("7")),
    "a FIFO": () => run("mkfifo", dir.at("7")),
    "too long": () => Deno.writeTextFileSync(dir.at("7"), "t".repeat(257)),
  };
  for (const [what, plant] of Object.entries(plants)) {
    plant();
    assertEquals(readNicFiles(dir.path).state, "unusable", what);
    Deno.removeSync(dir.at("7"));
  }
  Deno.writeTextFileSync(dir.at("7"), `${"t".repeat(255)}\n`);
  assertEquals(readNicFiles(dir.path).state, "there");
  Deno.symlinkSync(dir.path, dir.at("link"));
  for (const path of [dir.at("x"), dir.at("link")]) {
    assertEquals(readNicFiles(path).state, "unusable");
  }
  assertThrows(() => makeNicDirectory(dir.at("none/vm1")), SysError, "ENOENT");
});

Deno.test("changeNicFiles() leaves nothing half-written", () => {
  using dir = new TempDir();
  // A folder of that name cannot be replaced by a file.
  Deno.mkdirSync(dir.at("0"));
  const change = () =>
    changeNicFiles(dir.path, { from: {}, to: { 0: "tap0" } });
  assertThrows(change, SysError);
  assertEquals([...Deno.readDirSync(dir.path)].map(({ name }) => name), ["0"]);
});
