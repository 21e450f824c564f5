import { assertEquals, assertMatch } from "@std/assert";
import {
  compareProcess,
  isStopped,
  lookForProcess,
  type ProcessIdentity,
  processIdentity,
  readBootId,
  startOfStat,
} from "../../lib/host/process_identity.ts";
import { until } from "../../tools/guest/deadline.ts";
import { present } from "../support/facts.ts";

const THEN: ProcessIdentity = { boot: "b", pid: 7, start: 9, name: "vm1" };

Deno.test("startOfStat() is not misled by the program's name", () => {
  const rest = Array.from({ length: 50 }, (_, i) => String(i + 3)).join(" ");
  for (const name of ["kvm", "a b", ") 1 2 (", "x) S 1"]) {
    assertEquals(startOfStat(`12 (${name}) ${rest}\n`), 22);
  }
  for (const bad of ["", "12 (kvm) S 1", "12 (kvm"]) {
    assertEquals(startOfStat(bad), undefined);
  }
});

Deno.test("compareProcess() says another as soon as one part differs", () => {
  assertEquals(compareProcess(THEN, THEN), "same");
  assertEquals(compareProcess(THEN, undefined), "gone");
  const others = [{ boot: "c" }, { pid: 8 }, { start: 10 }, { name: "vm2" }];
  for (const one of others) {
    assertEquals(compareProcess(THEN, { ...THEN, ...one }), "another");
  }
});

Deno.test("processIdentity() and lookForProcess() agree on a live process", async () => {
  const child = new Deno.Command("sh", {
    args: ["-c", "echo; read x; exit", "-name", "vm1,debug-threads=on"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  // Before that it may have no command line yet.
  const said = child.stdout.getReader();
  await said.read();
  const argv = ["sh", "-name", "vm1,debug-threads=on"];
  const now = present(processIdentity({ pid: child.pid, argv }));
  assertEquals([now.pid, now.name], [child.pid, "vm1"]);
  assertMatch(readBootId(), /^[0-9a-f-]{36}$/);
  assertEquals(lookForProcess(now), "same");
  assertEquals(lookForProcess({ ...now, start: now.start + 1 }), "another");
  assertEquals(lookForProcess({ ...now, boot: "another" }), "gone");
  assertEquals(processIdentity({ pid: child.pid, argv: ["sh"] }), undefined);
  assertEquals(processIdentity({ pid: 2 ** 22, argv }), undefined);
  assertEquals(lookForProcess({ ...now, name: "vm2" }), "gone");
  assertEquals(
    lookForProcess({ ...now, name: "vm2", start: now.start + 1 }),
    "another",
  );
  assertEquals(isStopped(child.pid), false);
  child.kill("SIGSTOP");
  await until(
    () => Promise.resolve(isStopped(child.pid) ? true : undefined),
    { timeoutMs: 5_000, what: "stopped process" },
  );
  child.kill("SIGCONT");
  await child.stdin.close();
  await said.cancel();
  await child.status;
  assertEquals(lookForProcess(now), "gone");
  assertEquals(isStopped(child.pid), false);
});
