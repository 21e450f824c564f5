import { assertEquals, assertThrows } from "@std/assert";
import { isThere, readIfThere } from "../../lib/host/look.ts";
import { SysError } from "../../lib/sys/errno.ts";

Deno.test("isThere() and readIfThere() tell nothing from all else", () => {
  const dir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-" });
  try {
    Deno.writeTextFileSync(`${dir}/f`, "here");
    Deno.symlinkSync("nowhere", `${dir}/link`);
    // A link to nothing is there; a name below a file is not.
    const found = ["f", "link", ".", "none", "f/x", "none/x"]
      .filter((name) => isThere(`${dir}/${name}`));
    assertEquals(found, ["f", "link", "."]);
    assertEquals(readIfThere(`${dir}/f`), "here");
    assertEquals(readIfThere(`${dir}/none`), undefined);
    assertEquals(readIfThere(dir), undefined);
    const name = `${dir}/${"n".repeat(300)}`;
    assertThrows(() => isThere(name), SysError, "ENAMETOOLONG");
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
