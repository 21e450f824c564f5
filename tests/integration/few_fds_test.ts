/** The executable where a process may open few descriptors, or no more. */
import { assert, assertEquals } from "@std/assert";
import { EXECUTABLE } from "../qemu/tool.ts";
import { Instance, NAME, NEW, type Ran, TAP } from "./support.ts";

/** Runs the executable with so many descriptors, the first three included. */
async function runWith(
  limit: number,
  runDir: string,
  ...words: string[]
): Promise<Ran> {
  const limited = `ulimit -n ${limit}; exec "$@"`;
  const all = [EXECUTABLE, "--run-dir", runDir, "--json", ...words];
  const { code, stdout, stderr } = await new Deno.Command("/bin/sh", {
    args: ["-c", limited, "sh", ...all],
    stdin: "null",
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  ) as [string, string];
  return { status: code, out, err, json: JSON.parse(out || "null") };
}

/** With fewer the runtime itself does not start. */
async function fewest(): Promise<number> {
  await using vm = new Instance();
  for (let limit = 8;; limit++) {
    const ran = await runWith(limit, `${vm.runDir}/none`, "list");
    if (ran.status === 0) return limit;
    assert(limit < 40, ran.err);
  }
}

/** Runs a command with ever more descriptors, until there are enough. */
async function untilEnough(
  prepare: () => Promise<Instance>,
  words: (vm: Instance) => string[],
): Promise<Ran[]> {
  const short: Ran[] = [];
  for (let limit = await fewest();; limit++) {
    await using vm = await prepare();
    const command = words(vm);
    const before = vm.state();
    vm.peer.calls.length = 0;
    const ran = await runWith(limit, vm.runDir, ...command);
    await vm.peer.idle();
    if (ran.status === 0) return short;
    short.push(ran);
    const { code, message } = ran.json.error as Record<string, string>;
    const about = `${limit} descriptors: ${ran.out}`;
    // What was undone is 5; here nothing had been begun.
    if (vm.peer.changes().length === 0) {
      assertEquals([ran.status, code], [3, "busy"], about);
    } else assertEquals(ran.status, 5, about);
    assert(message?.includes("EMFILE") || message?.includes("os error 24"));
    assertEquals([ran.json.changed, ran.err], [false, ""], about);
    assertEquals(vm.state(), before, about);
    assert(limit < 60, about);
  }
}

const fresh = () => Promise.resolve(new Instance());

async function withDisk(): Promise<Instance> {
  const vm = new Instance();
  const ran = await vm.cli("disk", "add", NAME, vm.image(), "--uuid", NEW);
  assertEquals(ran.status, 0, ran.out);
  return vm;
}

const CHANGES: Record<string, Parameters<typeof untilEnough>> = {
  "disk add": [fresh, (vm) => ["disk", "add", NAME, vm.image()]],
  "disk remove": [withDisk, () => ["disk", "remove", NAME, NEW]],
  "nic add": [fresh, () => ["nic", "add", NAME, "--tap", TAP]],
  "repair": [fresh, () => ["repair", NAME]],
};

for (const [command, [prepare, words]] of Object.entries(CHANGES)) {
  Deno.test(`${command} without descriptors left: 3 and nothing changed`, async () => {
    const short = await untilEnough(prepare, words);
    assert(short.length > 0, "no limit was too low");
  });
}

const QUESTIONS: Record<string, (vm: Instance) => string[]> = {
  "list": () => ["list"],
  "list INSTANCE": () => ["list", NAME],
  "check": () => ["check", NAME],
  "pci": () => ["pci", NAME],
  "a dry run": (vm) => ["disk", "add", NAME, vm.image(), "--dry-run"],
};

for (const [question, words] of Object.entries(QUESTIONS)) {
  Deno.test(`${question} without descriptors left calls nothing down`, async () => {
    const short = await untilEnough(fresh, words);
    assert(short.length > 0, "no limit was too low");
  });
}
