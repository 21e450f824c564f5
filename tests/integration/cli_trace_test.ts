/** `--verbose` and `--log`: what was done, to read and to keep. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { Trace } from "../../lib/commands/trace.ts";
import { RpcClient } from "../lab/rpc_client.ts";
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

Deno.test("what QEMU refuses is told without its secrets, everywhere", async () => {
  await using vm = new Instance();
  const image = vm.image();
  const log = `${vm.runDir}/log`;
  const desc =
    "Cannot open nbd://joe:geheim@host/x, rbd:p/i:id=x:key=geheim: refused";
  const told =
    "Cannot open nbd://joe:***@host/x, rbd:p/i:id=x:key=***: refused";
  const refuse = { class: "GenericError", desc };
  vm.peer.once("blockdev-add", { refuse });
  vm.peer.once("blockdev-add", { refuse });
  const words = ["disk", "add", NAME, image, "-v", "--log", log];
  const asJson = await vm.cli(...words);
  const asText = await cli(["--run-dir", vm.runDir, ...words]);
  for (const { out, err, status } of [asJson, asText]) {
    assertEquals(status, 5, err);
    assert(!`${out}${err}`.includes("geheim"), `${out}${err}`);
    assert(`${out}${err}`.includes(told), `${out}${err}`);
  }
  const { error } = asJson.json as { error: Doc };
  assertEquals((error.qmp as Doc).desc, told);
  const kept = Deno.readTextFileSync(log);
  assert(!kept.includes("geheim"), kept);
  assert(
    logged(log).some(({ audit }) =>
      String(((audit as Doc)?.error as Doc)?.message).includes(told)
    ),
  );
});

Deno.test("a start line and the file's text keep their secrets", async () => {
  const link = "rbd:pool/image:id=x:key=geheim";
  const bad = "nbd://joe:geheim@host/x";
  await using vm = new Instance();
  const text = vm.text.replace('"-name"', `"-drive","file=${link}","-name"`);
  assert(text.includes(link), "the start command has it");
  Deno.writeTextFileSync(vm.runtimePath, text);
  for (const command of ["command", "show"]) {
    const whole = await vm.cli("state", command, NAME);
    assertEquals(whole.status, 0, whole.err);
    assert(whole.out.includes(link), whole.out);
  }
  await using rpc = new RpcClient("--run-dir", vm.runDir);
  const started = await rpc.call("state.command", { instance: NAME });
  assert(JSON.stringify(started.result).includes(link));
  const refused = await rpc.call("disk.remove", { instance: NAME, disk: bad });
  const answer = JSON.stringify(refused.error);
  assert(answer.includes("joe:***@") && !answer.includes("geheim"), answer);
  assertEquals(await rpc.end(), 0);
  const usage = await vm.cli("disk", "remove", NAME, bad);
  assert(!`${usage.out}${usage.err}`.includes("geheim"), usage.out);
  assertEquals(vm.text, text);
});

Deno.test("help is shown whole", async () => {
  const topics = COMMANDS.map(({ name }) => ["help", ...name.split(" ")]);
  for (const words of [["--help"], ...topics]) {
    const { status, out, err } = await cli(words);
    assertEquals(status, 0, err);
    assert(!out.includes("***"), out);
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

/** What QEMU tells of commands without arguments: qapi/introspect.json. */
const SCHEMA = [
  { name: "none", "meta-type": "object", members: [] },
  ...["query-status", "stop", "cont"].map((name) => ({
    ...{ name, "meta-type": "command" },
    ...{ "arg-type": "none", "ret-type": "none" },
  })),
];

Deno.test("--log keeps each command of qmp that may change something", async () => {
  await using vm = new Instance();
  const log = `${vm.runDir}/log`;
  const send = async (command: string) => {
    vm.peer.once("query-qmp-schema", { value: SCHEMA, carryOut: "no" });
    const { status } = await vm.cli("qmp", NAME, command, "--log", log);
    return status;
  };
  assertEquals(await send("query-status"), 0);
  vm.peer.once("stop", { value: {}, carryOut: "no" });
  assertEquals(await send("stop"), 0);
  const refuse = { class: "GenericError", desc: "It stays" };
  const refused = (command: string) => ({
    message: `QEMU refused ${command}: It stays (GenericError)`,
  });
  for (const command of ["cont", "query-status"]) {
    vm.peer.once(command, { refuse });
    assertEquals(await send(command), 5);
  }
  const audits = logged(log).flatMap(({ audit }) => audit ?? []) as Doc[];
  assertEquals(
    audits.map(({ command, operands, ...rest }) => [command, operands, rest]),
    [
      ["qmp", [NAME, "stop"], { result: { ok: true } }],
      ["qmp", [NAME, "cont"], { error: refused("cont") }],
      ["qmp", [NAME, "query-status"], { error: refused("query-status") }],
    ],
  );
});

Deno.test("--verbose tells of a wait now and then", async () => {
  await using vm = new Instance();
  vm.peer.guest = "is silent";
  const words = ["disk", "remove", NAME, "0", "--unplug-timeout", "2.2"];
  const { status, err } = await vm.cli(...words, "-v");
  assertEquals(status, 6);
  const waits = err.match(/== waiting: the guest has not released disk 0.*$/gm);
  assertEquals(waits?.length, 1, err);
  assertMatch(waits?.[0] ?? "", /: \d s of 2$/);
});
