/**
 * What promises 1, 2 and 4 rest on: content, names and journal are on the disk
 * before the next step begins. Seen by strace(1) in each kind of change.
 */
import { documentOf } from "../support/document.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { durable, TRACED } from "../lab/durable.ts";
import { NAME } from "../lab/runtime_text.ts";
import { EXECUTABLE } from "../lab/tool.ts";
import { load, names } from "../lab/version1_samples.ts";
import { Version1Vm, type VmState } from "../lab/version1_vm.ts";

const RUNTIME = `kvm-hypervisor/conf/${NAME}.runtime`;

/** How often each change puts the runtime file and our record in place. */
const RENAMES: Readonly<Record<string, readonly [number, number]>> = {
  // Of both it notes that the end of the uuid is invented.
  "adopt": [2, 2],
  "disk-add": [1, 0],
  "disk-add-limited": [1, 1],
  "disk-add-refused": [1, 0],
  "disk-remove": [1, 0],
  "disk-resize": [1, 0],
  "disk-set-limits": [0, 1],
  "disk-set-medium": [1, 0],
  "disk-set-medium-none": [0, 0],
  "nic-add": [1, 0],
  "nic-add-refused": [1, 0],
  "nic-modify": [1, 0],
  "nic-modify-replug": [1, 0],
  "nic-remove": [1, 0],
  "repair": [0, 0],
};

function commandOf(vm: Version1Vm, words: readonly string[]): string[] {
  return [
    ...[EXECUTABLE, "--run-dir", vm.runDir, "--json"],
    ...["--unplug-timeout", "2"],
    ...words.map((one) => one.replaceAll("/run/ganeti", vm.runDir)),
  ];
}

/** Runs the executable under strace. */
async function traced(vm: Version1Vm, words: readonly string[]) {
  const log = `${vm.runDir}.strace`;
  const { code, stdout } = await new Deno.Command("strace", {
    args: [
      ...["-f", "-y", "-qq", "-s", "65536", "--seccomp-bpf", "-o", log],
      ...["-e", `trace=execve,${TRACED.join()}`],
      ...commandOf(vm, words),
    ],
  }).output();
  const text = await Deno.readTextFile(log);
  await Deno.remove(log);
  return { code, out: new TextDecoder().decode(stdout), ...durable(text) };
}

/** The instance of the sample "adopt", whose runtime file is not there yet. */
function unknownVm(): VmState {
  const { before } = load("adopt");
  const { [RUNTIME]: _, ...files } = before.files;
  return { ...before, files };
}

Deno.test("durable() reads a call that strace tells in two parts", () => {
  const at = (rest: string) =>
    `7 write(3</run/vm1.journal>, "x", 1) = 1\n${rest}`;
  const synced = at(
    "7 fdatasync(3</run/vm1.journal> <unfinished ...>\n" +
      '8 openat(AT_FDCWD</>, "a", O_RDONLY) = 4</a>\n' +
      "7 <... fdatasync resumed>) = 0\n",
  );
  assertEquals(durable(synced).faults, []);
  const open = at("8 fdatasync(3</run/vm1.journal>) = 0\n");
  assertMatch(durable(open).faults.join(), /is not synced at once/);
});

Deno.test("each change puts on the disk what a crash must not lose", async (t) => {
  await using vm = await Version1Vm.open();
  for (const name of names()) {
    await t.step(name, async () => {
      const { command, before } = load(name);
      await vm.load(before);
      const { code, out, faults, counts } = await traced(vm, command);
      assertEquals([code, faults], [0, []], out);
      const renames = [counts["rename runtime"], counts["rename json"]];
      assertEquals(renames.map((one) => one ?? 0), RENAMES[name]);
      assertEquals(counts["create journal"], name === "repair" ? 4 : 1);
    });
  }
  await t.step("a first runtime file", async () => {
    await vm.load(unknownVm());
    const { code, out, faults, counts } = await traced(vm, ["adopt", NAME]);
    assertEquals([code, faults], [0, []], out);
    assertEquals(counts["rename runtime"], 1);
  });
  await t.step("a first runtime file without room for it", async () => {
    await vm.load(unknownVm());
    const conf = `${vm.runDir}/kvm-hypervisor/conf`;
    const before = await vm.state();
    const full = ["-t", "tmpfs", "-o", "size=4k", "full", conf];
    await new Deno.Command("mount", { args: full }).output();
    Deno.writeTextFileSync(`${conf}/filler`, "x".repeat(4096));
    const [program = "", ...args] = commandOf(vm, ["adopt", NAME]);
    const { code, stdout } = await new Deno.Command(program, { args }).output();
    assertEquals([...Deno.readDirSync(conf)].map(({ name }) => name), [
      "filler",
    ]);
    await new Deno.Command("umount", { args: [conf] }).output();
    const out = new TextDecoder().decode(stdout);
    const { error } = documentOf(out);
    assertEquals([code, error.code], [5, "state-write-failed"], out);
    assertMatch(error.message, /No space left/);
    assertEquals(await vm.state(), before);
  });
});
