import { assertEquals } from "@std/assert";
import { countJunit } from "../../tools/test/junit.ts";
import { sharedModule } from "../../tools/test/shared_module.ts";

const OPTIONS = ["-A", "--no-check", "--no-config"];

/** Runs files of these texts as one module, as the runner does. */
async function counted(...texts: readonly string[]) {
  const folder = await Deno.makeTempDir();
  try {
    const files = texts.map((text, k) => {
      const file = `${folder}/${k}_test.ts`;
      Deno.writeTextFileSync(file, text);
      return file;
    });
    const [module, result] = [`${folder}/all_test.ts`, `${folder}/all.xml`];
    await Deno.writeTextFile(module, sharedModule(files));
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["test", ...OPTIONS, `--junit-path=${result}`, module],
      ...{ cwd: folder, stdout: "null", stderr: "null" },
    }).output();
    return await countJunit(result, success);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const SAME = 'Deno.test("same", () => {});';

Deno.test("sharedModule() has the tests of all files, whatever their names", async () => {
  const fails = 'Deno.test("same", () => { throw new Error("no"); });';
  const left = 'Deno.test.ignore("left out", () => {});';
  assertEquals(await counted(SAME, fails, left, SAME), {
    ...{ passed: 2, failed: 1, failures: ["same: Error: no"] },
    skipped: ["left out"],
  });
});

Deno.test("countJunit() counts a file that cannot be loaded as a failure", async () => {
  const hang = "await new Promise(() => {});";
  for (
    const faulty of ['throw new Error("no");', "import './none.ts';", hang]
  ) {
    const { failed } = await counted(SAME, faulty, SAME);
    assertEquals(failed, 1, faulty);
  }
  assertEquals((await counted("export {};")).failed, 1, "no test");
  assertEquals((await countJunit("/none", true)).failed, 1, "no result");
});
