import { assertEquals } from "@std/assert";
import { openWithoutLinks } from "../../lib/sys/file_lookup.ts";
import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { bindMount, isNodev, unmount } from "../../lib/sys/mount.ts";
import { TempDir } from "./support.ts";

Deno.test("bindMount() shows one file in the other's place until unmount()", () => {
  using dir = new TempDir();
  dir.file("from", "from");
  dir.file("onto", "onto");
  using folder = openFile(dir.path, O.PATH | O.DIRECTORY);
  {
    using from = openFile(dir.at("from"), O.PATH);
    using onto = openFile(dir.at("onto"), O.PATH);
    bindMount(from, onto);
  }
  assertEquals(Deno.readTextFileSync(dir.at("onto")), "from");
  unmount(folder, "onto");
  assertEquals(Deno.readTextFileSync(dir.at("onto")), "onto");
});

Deno.test("isNodev() tells the mounts that take no device nodes", () => {
  using proc = openFile("/proc", O.PATH | O.DIRECTORY);
  using dev = openFile("/dev", O.PATH | O.DIRECTORY);
  const lines = Deno.readTextFileSync("/proc/self/mounts").split("\n");
  const nodev = (path: string) =>
    lines.findLast((line) => line.split(" ")[1] === path)
      ?.split(" ")[3]?.split(",").includes("nodev");
  assertEquals(isNodev(proc), nodev("/proc") ?? nodev("/"));
  assertEquals(isNodev(dev), nodev("/dev") ?? nodev("/"));
});

Deno.test("openWithoutLinks() takes no link anywhere on the way", () => {
  using dir = new TempDir();
  const real = Deno.realPathSync(dir.path);
  Deno.mkdirSync(`${real}/a`);
  Deno.writeTextFileSync(`${real}/a/file`, "x");
  Deno.symlinkSync("a", `${real}/b`);
  openWithoutLinks(`${real}/a/file`, O.PATH).close();
  let code: unknown;
  try {
    openWithoutLinks(`${real}/b/file`, O.PATH).close();
  } catch (error) {
    code = (error as { code?: string }).code;
  }
  assertEquals(code, "ELOOP");
});
