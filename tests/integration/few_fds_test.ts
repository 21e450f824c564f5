/** The executable where a process may open few descriptors, or no more. */
import { documentOf } from "../support/document.ts";
import { assert, assertEquals } from "@std/assert";
import { EXECUTABLE } from "../lab/tool.ts";
import {
  Instance,
  NAME,
  NEW,
  type Ran,
  TAP,
} from "../lab/scripted_instance.ts";

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
  return { status: code, out, err, json: out === "" ? {} : documentOf(out) };
}

/** With fewer the executable says so, and does nothing: executable_fds_test. */
async function fewest(): Promise<number> {
  await using vm = new Instance();
  for (let limit = 8;; limit++) {
    const ran = await runWith(limit, vm.at("uid"), "list");
    if (ran.status === 0) return limit;
    assert(limit < 40, ran.err);
  }
}

const FEWEST = await fewest();
const fresh = () => Promise.resolve(new Instance());

async function withDisk(): Promise<Instance> {
  const vm = new Instance();
  const ran = await vm.cli("disk", "add", NAME, vm.image(), "--uuid", NEW);
  assertEquals(ran.status, 0, ran.out);
  return vm;
}

const COMMANDS: Record<
  string,
  readonly [() => Promise<Instance>, (vm: Instance) => string[]]
> = {
  "disk add": [fresh, (vm) => ["disk", "add", NAME, vm.image()]],
  "disk remove": [withDisk, () => ["disk", "remove", NAME, NEW]],
  "nic add": [fresh, () => ["nic", "add", NAME, "--tap", TAP]],
  "repair": [fresh, () => ["repair", NAME]],
  "list": [fresh, () => ["list"]],
  "list INSTANCE": [fresh, () => ["list", NAME]],
  "check": [fresh, () => ["check", NAME]],
  "pci": [fresh, () => ["pci", NAME]],
  "a dry run": [fresh, (vm) => ["disk", "add", NAME, vm.image(), "--dry-run"]],
};

for (const [command, [prepare, words]] of Object.entries(COMMANDS)) {
  Deno.test(`${command} has enough descriptors wherever the executable starts`, async () => {
    for (const limit of [FEWEST, FEWEST + 1]) {
      await using vm = await prepare();
      const ran = await runWith(limit, vm.runDir, ...words(vm));
      assertEquals(ran.status, 0, `${limit} descriptors: ${ran.out}`);
    }
  });
}
