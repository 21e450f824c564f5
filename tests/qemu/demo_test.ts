/** The demo, and its picture in the README. */
import { assertEquals } from "@std/assert";
import { hotplug, NO_GANETI } from "../../tools/demo/scene.ts";
import { linesIn, pictureOf, withoutChance } from "../../tools/demo/picture.ts";
import { makeImage } from "../lab/each_release.ts";
import { EXECUTABLE } from "../lab/tool.ts";
import { testTools, Vm } from "../lab/vm.ts";

const PICTURE = new URL("../../docs/demo.svg", import.meta.url);

// deno-lint-ignore no-control-regex -- what a terminal is sent
const plain = (text: string) => text.replace(/\x1b\[\d*m/g, "");

Deno.test("pictureOf() keeps each character of each line", () => {
  const lines = [
    `$ echo "<&>" '&lt;'`,
    "",
    "  two  blanks",
    `${"word ".repeat(50)}end`,
    "x".repeat(250),
  ];
  const text = ["\x1b[1mHeading\x1b[0m", ...lines].join("\n");
  assertEquals(linesIn(pictureOf(text)), ["Heading", ...lines]);
});

Deno.test("the picture shows what the demo shows: deno task picture", async () => {
  const tools = await testTools();
  const [release] = tools.qemus;
  if (release === undefined) throw new Error("no QEMU");
  const runDir = await Deno.makeTempDir({ prefix: "kvm-hotplug-" });
  const before = Deno.env.get("KVM_HOTPLUG_RUN_DIR");
  try {
    Deno.env.set("KVM_HOTPLUG_RUN_DIR", runDir);
    await using vm = await Vm.restored({
      ...{ release, tools, runDir },
      runtime: { hvparams: NO_GANETI },
    });
    const image = `${runDir}/data.img`;
    await makeImage(image, "written by the host\n", { sizeMiB: 64 });
    const shown: string[] = [];
    const tell = (text: string) => shown.push(...plain(text).split("\n"));
    await hotplug({ vm, executable: EXECUTABLE, image, tell });
    const drawn = linesIn(await Deno.readTextFile(PICTURE));
    assertEquals(withoutChance(shown.slice(1)), withoutChance(drawn));
  } finally {
    if (before === undefined) Deno.env.delete("KVM_HOTPLUG_RUN_DIR");
    else Deno.env.set("KVM_HOTPLUG_RUN_DIR", before);
    await Deno.remove(runDir, { recursive: true });
  }
});
