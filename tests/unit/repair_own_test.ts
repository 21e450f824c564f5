import { assertEquals, assertStringIncludes } from "@std/assert";
import { ownRecordFault } from "../../lib/repair/repair.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { present } from "./support.ts";

Deno.test("ownRecordFault() tells how to go on without a record", async () => {
  const runDir = await Deno.makeTempDir({ prefix: "kvm-hotplug-own-" });
  try {
    const paths = instancePaths(runDir, "vm1");
    const own = `${runDir}/kvm-hotplug`;
    const path = `${own}/vm1.json`;
    assertEquals(ownRecordFault(paths), undefined);
    Deno.mkdirSync(own, { mode: 0o700 });
    assertEquals(ownRecordFault(paths), undefined);
    const plants: Record<string, () => void> = {
      garbage: () => Deno.writeTextFileSync(path, "{x", { mode: 0o600 }),
      mode: () => Deno.writeTextFileSync(path, "{}", { mode: 0o644 }),
      link: () => Deno.symlinkSync("/etc/hostname", path),
      directory: () => Deno.mkdirSync(path),
      version: () =>
        Deno.writeTextFileSync(path, '{"version":2}', { mode: 0o600 }),
    };
    for (const [how, plant] of Object.entries(plants)) {
      plant();
      const { what, hint } = present(ownRecordFault(paths));
      assertStringIncludes(what, path, how);
      assertEquals(hint, `rm -r ${path}`, how);
      const [program = "", ...args] = hint.split(" ");
      const { success } = await new Deno.Command(program, { args }).output();
      assertEquals([success, ownRecordFault(paths)], [true, undefined], how);
    }
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
});
