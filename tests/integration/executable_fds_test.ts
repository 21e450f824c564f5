/** Too few file descriptors to start with: one line, and status 3. */
import { documentOf } from "../support/document.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { EXECUTABLE } from "../lab/tool.ts";
import { run } from "./executable_probe.ts";

/** Standard streams, and what the executable asks for: surroundings.ts. */
const ENOUGH = 3 + 32;

const COMMANDS = [
  ["--version"],
  ["help"],
  ["list"],
  ["list", "vm1"],
  ["check", "vm1"],
  ["disk", "add", "vm1", "/dev/null"],
  ["nic", "remove", "vm1", "0"],
  ["repair", "vm1"],
  ["events", "vm1"],
  ["shell", "vm1"],
  ["rpc"],
];

const env = { PATH: "/usr/bin:/bin", KVM_HOTPLUG_RUN_DIR: "/nowhere" };

/** Closes what the tests' own caller has left open. */
const CLOSE_OTHERS = "for fd in /proc/$$/fd/*; do fd=${fd##*/}; " +
  '[ "$fd" -le 2 ] || eval "exec $fd>&-"; done;';

/** Runs the executable with its standard streams, under a limit. */
function under(limit: number, words: readonly string[]) {
  const line = `${CLOSE_OTHERS} ulimit -n ${limit}; exec ${EXECUTABLE} "$@"`;
  const args = ["-c", line, "bash", ...words];
  return run("/bin/bash", { args, env, cwd: "/" });
}

const TOLD =
  /^kvm-hotplug: Cannot start: fewer than 32 file descriptors are free: raise the limit \(ulimit -n\)\n$/;

// From there up ld.so finds the libraries, and Deno panics by itself.
for (const limit of [4, 5, 8, 9, 10, 11, 12, 13, 14, 20, ENOUGH - 1]) {
  Deno.test(`the executable tells that ulimit -n ${limit} is too little`, () => {
    for (const words of COMMANDS) {
      const { code, stdout, stderr } = under(limit, words);
      assertEquals([code, stdout], [3, ""], `${words}: ${stderr}`);
      assertMatch(stderr, TOLD);
    }
  });
}

Deno.test("the executable tells so in one document, if that is wanted", () => {
  const words = ["disk", "add", "vm1", "/dev/null", "--json"];
  const { code, stdout, stderr } = under(12, words);
  assertEquals([code, stderr, stdout.split("\n").length], [3, "", 2]);
  const { ok, instance, error, changed } = documentOf(stdout);
  assertEquals([ok, instance, changed], [false, null, false]);
  assertEquals([error.code, error.hint, error.qmp], ["refused", null, null]);
  assertMatch(`kvm-hotplug: ${error.message}\n`, TOLD);
  // Not a word that only begins, ends or goes on so.
  for (const word of ["--jso", "--jsonx", "x--json", "--json=1"]) {
    assertEquals(under(12, ["list", word]).stdout, "", word);
  }
});

Deno.test("the executable starts with as many descriptors as it asks for", () => {
  assertEquals(under(ENOUGH, ["--version"]).code, 0);
  const list = under(ENOUGH, ["list", "vm1"]);
  assertEquals(list.code, 3);
  assertMatch(list.stderr, /no instance|No instance/);
});

Deno.test("the executable counts descriptors that it was born with", () => {
  const open = (count: number) =>
    `for ((i = 3; i < ${count}; i++)); do eval "exec $i</dev/null"; done;`;
  const born = (free: number) => {
    const line = `${CLOSE_OTHERS} ulimit -n 1024; ${
      open(1024 - free)
    } exec ${EXECUTABLE} --version`;
    return run("/bin/bash", { args: ["-c", line], env, cwd: "/" });
  };
  const few = born(31);
  assertEquals(few.code, 3, few.stderr);
  assertMatch(few.stderr, TOLD);
  assertEquals(born(32).code, 0);
});

Deno.test("below four descriptors ld.so says so itself, in a line", () => {
  const { code, stdout, stderr } = under(3, ["list"]);
  assertEquals([code, stdout], [127, ""]);
  assertEquals(stderr.trim().split("\n").length, 1, stderr);
  assert(stderr.includes("shared libraries"), stderr);
});
