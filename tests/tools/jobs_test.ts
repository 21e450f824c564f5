import { assertEquals } from "@std/assert";
import { ordinaryTests, testFiles, testJobs } from "../../tools/test/jobs.ts";
import { longestFirst } from "../../tools/test/times.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

const FILES = [
  "tests/errors_test.ts",
  "tests/state/json_test.ts",
  "tests/words/text_test.ts",
  "tests/sys/fd_test.ts",
  "tests/host/vlan_test.ts",
  "tests/integration/rpc_test.ts",
  "tests/integration/cli_list_test.ts",
  "tests/integration/new_test.ts",
  "tests/qemu/disk_test.ts",
  "tests/qemu/kill_test.ts",
  "tests/qemu/nic_test.ts",
  "tests/qemu/vm_test.ts",
];

const TIMES = {
  "tests/integration/rpc_test.ts": 20,
  "tests/integration/cli_list_test.ts": 40,
  "tests/qemu/disk_test.ts": 20,
  "tests/qemu/kill_test.ts": 150,
  "tests/qemu/nic_test.ts": 10,
  "tests/qemu/vm_test.ts": 35,
};

function names(files: readonly string[]): string {
  return files.map((file) => /(\w+)_test\.ts$/.exec(file)?.[1]).join(" ");
}

Deno.test("testJobs() puts together what one process may run", () => {
  const jobs = testJobs(FILES, { times: TIMES });
  assertEquals(jobs.map(({ needs, files }) => [needs, names(files)]), [
    ["nothing", "errors json text"],
    ["node", "fd vlan"],
    // Nobody knows how long it takes.
    ["executable", "new"],
    ["executable", "cli_list rpc"],
    ["executable", "kill"],
    // The 10 seconds of the other would be too much.
    ["executable", "disk vm"],
    ["executable", "nic"],
  ]);
  const titles = jobs.map(({ title }) => title);
  assertEquals(new Set(titles).size, jobs.length, "a title is a job's own");
  assertEquals(titles.at(-1), "tests/qemu/nic_test.ts");
});

Deno.test("testJobs() keeps files apart whose times are to be noted", () => {
  const jobs = testJobs(FILES, { times: TIMES, by: "apart" });
  assertEquals(jobs.map(({ files }) => files.length), [
    ...[3, 2],
    ...FILES.slice(5).map(() => 1),
  ]);
});

Deno.test("longestFirst() adds up the times of files", () => {
  const jobs = testJobs(FILES, { times: TIMES });
  const times = { ...TIMES, "tests that need the node": 50 };
  const first = longestFirst(jobs, times).map(({ files }) => names(files));
  assertEquals(first, [
    // Of these it is not known.
    ...["errors json text", "new"],
    ...["kill", "cli_list rpc", "disk vm", "fd vlan", "nic"],
  ]);
});

Deno.test("ordinaryTests() has every test file that needs not be asked for", () => {
  const all = testFiles(ROOT, "tests");
  const asked = testFiles(ROOT, "tests/integrations");
  assertEquals(asked.length > 0 && asked.length < all.length, true);
  assertEquals(ordinaryTests(ROOT).concat(asked).sort(), all.toSorted());
  assertEquals(all.includes("tests/tools/jobs_test.ts"), true);
});
