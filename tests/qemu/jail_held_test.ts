/** A disk that another drive of the VM has open, too, when it is removed. */
import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { NOBODY, ownerOf, UUID } from "../lab/jail.ts";
import { snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";

/** Opened at the start, before QEMU becomes nobody. */
const DRIVE = "if=ide,media=cdrom,readonly=on,format=raw,file=";

eachRelease("chown: not given back while another drive has it", async (vm) => {
  await Deno.chmod(vm.runDir, 0o755);
  const image = `${vm.runDir}/one.img`;
  const before = await snapshot(vm);
  assertEquals(ownerOf(image), "0:0 600");
  const words = ["--via", "chown", "--read-only", "--not-migratable"];
  const add = ["disk", "add", vm.name, image, "--uuid", UUID, ...words];
  const added = await tool(vm, ...add);
  assertEquals(added.status, 0, added.stdout);
  await vm.waitGuest("test -b /dev/vda");

  const removed = await tool(vm, "disk", "remove", vm.name, UUID);
  assertEquals([removed.status, removed.json.changed], [0, true]);
  const warnings = saidIn(removed.json.warnings);
  assertStringIncludes(warnings, "for its drive ide0-cd0");
  assertStringIncludes(warnings, `${image} still belongs to uid 65534`);
  assertEquals(ownerOf(image), "65534:0 600");

  const told = await tool(vm, "repair", vm.name);
  assertEquals([told.status, told.json.repaired], [7, []], told.stdout);
  assertMatch(told.json.remaining[0].what, /one\.img still belongs to uid/);
  assertEquals(ownerOf(image), "65534:0 600");

  await vm.qmp.execute("eject", { device: "ide0-cd0", force: true });
  const done = await tool(vm, "repair", vm.name);
  assertEquals([done.status, done.json.remaining], [0, []], done.stdout);
  assertEquals(ownerOf(image), "0:0 600");
  const { runtime, files } = await snapshot(vm);
  // It has recorded that the drive is empty now.
  const empty = before.runtime.replace(
    `${DRIVE}${image}`,
    "if=ide,media=cdrom",
  );
  assertEquals([runtime, files], [empty, before.files]);

  // QEMU would take an open file, and opens the path itself as it was told.
  await Deno.chmod(image, 0o644);
  const byPath = ["--via", "path", "--read-only", "--not-migratable"];
  const opened = await tool(vm, ...add.slice(0, -words.length), ...byPath);
  assertEquals([opened.status, opened.json.device?.via], [0, "path"]);
  assertEquals(ownerOf(image), "0:0 644");
  const [node] = await vm.qmp.execute("query-named-block-nodes", {
    flat: true,
  }).then((all) =>
    (all as { file: string }[]).filter(({ file }) => file === image)
  );
  assertEquals(node?.file, image);
  await vm.waitGuest("test -b /dev/vda");
  const closed = await tool(vm, "disk", "remove", vm.name, UUID);
  assertEquals([closed.status, closed.json.changed], [0, true], closed.stdout);
}, async (runDir) => {
  const image = `${runDir}/one.img`;
  await makeImage(image, "first-");
  await Deno.chmod(image, 0o600);
  return { ...NOBODY.options, extraArgs: ["-drive", `${DRIVE}${image}`] };
});
