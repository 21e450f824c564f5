import { assertEquals } from "@std/assert";
import { ordinaryTests, testFiles, testJobs } from "../../tools/test/jobs.ts";

const ROOT = new URL("../..", import.meta.url).pathname;

Deno.test("testJobs() puts together what one process may run", () => {
  const jobs = testJobs([
    "tests/errors_test.ts",
    "tests/state/json_test.ts",
    "tests/words/text_test.ts",
    "tests/sys/fd_test.ts",
    "tests/host/vlan_test.ts",
    "tests/integration/rpc_test.ts",
    "tests/integration/cli_list_test.ts",
    "tests/qemu/disk_test.ts",
    "tests/qemu/nic_test.ts",
  ]);
  assertEquals(jobs.map(({ needs, files }) => [needs, files.length]), [
    ["nothing", 3],
    ["node", 2],
    ["executable", 2],
    ["executable", 1],
    ["executable", 1],
  ]);
  const titles = jobs.map(({ title }) => title);
  assertEquals(new Set(titles).size, jobs.length, "a title is a job's own");
  assertEquals(titles.at(-1), "tests/qemu/nic_test.ts");
});

Deno.test("ordinaryTests() has every test file that needs not be asked for", () => {
  const all = testFiles(ROOT, "tests");
  const asked = testFiles(ROOT, "tests/integrations");
  assertEquals(asked.length > 0 && asked.length < all.length, true);
  assertEquals(ordinaryTests(ROOT).concat(asked).sort(), all.toSorted());
  assertEquals(all.includes("tests/tools/jobs_test.ts"), true);
});
