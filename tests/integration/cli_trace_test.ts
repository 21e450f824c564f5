/** `--verbose` and `--log`: what was done, to read and to keep. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Trace } from "../../lib/commands/trace.ts";
import {
  cli,
  type Doc,
  Instance,
  NAME,
  NEW,
} from "../lab/scripted_instance.ts";

/** Lines of a log, parsed. */
function logged(path: string): Doc[] {
  return Deno.readTextFileSync(path).trim().split("\n")
    .map((line) => JSON.parse(line));
}

Deno.test("--verbose shows each step and message, and what the fds are", async () => {
  await using vm = new Instance();
  const image = vm.image();
  const { err, status } = await vm.cli("disk", "add", NAME, image, "-v");
  assertEquals(status, 0);
  const lines = err.trimEnd().split("\n");
  for (const line of lines) assertMatch(line, /^ +\d+\.\d{3} (==|->|<-) /);
  const times = lines.map((line) => Number(line.slice(0, 7)));
  assertEquals(times, times.toSorted((a, b) => a - b));
  assertEquals(lines[0]?.slice(8), `== connect to ${vm.qmpPath}`);
  assertMatch(err, / -> \{"execute":"query-pci"/);
  assertMatch(err, / <- \{"return":/);
  assertMatch(err, / == do 1: /);
  assertMatch(
    err,
    new RegExp(`"add-fd".* \\[with fd \\d+: ${image}\\]$`, "m"),
  );
  const nic = await vm.cli("nic", "add", NAME, "-v");
  const { tap } = nic.json.device as Doc;
  assertMatch(
    nic.err,
    new RegExp(`"getfd".* \\[with fd \\d+: tap ${tap}\\]$`, "m"),
  );
});

Deno.test("--verbose and --log tell no secret", async () => {
  await using vm = new Instance();
  const log = `${vm.runDir}/log`;
  let shown = "";
  using trace = new Trace({ show: (line) => shown += line, log });
  const args = { protocol: "vnc", password: 'ge"heim' };
  trace.qmp?.("send", JSON.stringify({ execute: "set_password", args }));
  const line = { "command-line": 'set_password vnc "geheim"' };
  trace.qmp?.("send", JSON.stringify({ arguments: line }));
  for (const text of [shown, Deno.readTextFileSync(log)]) {
    assert(!text.includes("heim"), text);
    assert(text.includes("***"), text);
  }
});

Deno.test("--log keeps a line per change: who, what, the result", async () => {
  await using vm = new Instance();
  const log = `${vm.runDir}/log`;
  const image = vm.image();
  Deno.env.set("SUDO_USER", "operator");
  try {
    const words = ["disk", "add", NAME, image, "--log", log];
    assertEquals((await vm.cli(...words)).status, 0);
    const taken = ["--slot", "12", "--uuid", NEW];
    assertEquals((await vm.cli(...words, ...taken)).status, 3);
    await vm.cli("list", NAME, "--log", log);
    await cli(["--run-dir", vm.runDir, ...words, "--dry-run"]);
  } finally {
    Deno.env.delete("SUDO_USER");
  }
  assertEquals(Deno.statSync(log).mode! & 0o777, 0o600);
  const lines = logged(log);
  assertEquals(lines.every(({ time }) => !isNaN(Date.parse(`${time}`))), true);
  assert(lines.some(({ qmp, message }) => qmp === "send" && message));
  const audits = lines.filter(({ audit }) => audit !== undefined);
  assertEquals(audits.length, 2);
  for (const { uid, sudo_user, pid, audit } of audits) {
    assertEquals([uid, sudo_user, pid], [0, "operator", Deno.pid]);
    const { command, operands } = audit as Doc;
    assertEquals([command, operands], ["disk add", [NAME, image]]);
  }
  const [done, refused] = audits.map(({ audit }) => audit as Doc);
  assertEquals((done?.result as Doc).changed, true);
  assertEquals(typeof (refused?.error as Doc).code, "string");
});

Deno.test("--verbose tells of a wait now and then", async () => {
  await using vm = new Instance();
  vm.peer.guest = "is silent";
  const words = ["disk", "remove", NAME, "0", "--unplug-timeout", "2.2"];
  const { status, err } = await vm.cli(...words, "-v");
  assertEquals(status, 6);
  const waits = err.match(/== waiting: guest has not released disk 0.*$/gm);
  assertEquals(waits?.length, 1, err);
  assertMatch(waits?.[0] ?? "", /: \d s of 2$/);
});
