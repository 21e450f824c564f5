/** Open vSwitch's own tool, scripted: what it is told, and what it tells. */
import { assertEquals, assertRejects } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import { findProgram } from "../../lib/host/network.ts";
import {
  findSwitch,
  joinSwitch,
  leaveSwitch,
  portsOf,
} from "../../lib/host/openvswitch.ts";
import { run, TempDir } from "../sys/support.ts";

/** How the tool ends: its statuses, one a call, and what it writes. */
class ScriptedTool implements Disposable {
  readonly #dir = new TempDir();
  readonly #mount: string;

  constructor() {
    const log = this.#dir.at("log");
    const text = `#!/bin/sh
echo "$*" >> ${log}
cat ${this.#dir.at("out")}
status=$(head -n 1 ${this.#dir.at("statuses")})
sed -i 1d ${this.#dir.at("statuses")}
exit "\${status:-0}"
`;
    Deno.mkdirSync(this.#dir.at("bin"));
    const tool = this.#dir.file("bin/ovs-vsctl", text);
    Deno.chmodSync(tool, 0o755);
    // This process has mounts of its own.
    const there = findProgram("ovs-vsctl");
    this.#mount = there ?? "/usr/local/bin";
    run("mount", "--bind", there ? tool : this.#dir.at("bin"), this.#mount);
    this.ends();
  }

  /** What the next calls end with, and what each writes. */
  ends(statuses: readonly number[] = [], out = ""): void {
    this.#dir.file("out", out);
    this.#dir.file("statuses", statuses.map((one) => `${one}\n`).join(""));
    this.#dir.file("log", "");
  }

  /** What it was called with since. */
  get calls(): string[] {
    return Deno.readTextFileSync(this.#dir.at("log")).trim().split("\n");
  }

  [Symbol.dispose](): void {
    run("umount", this.#mount);
    this.#dir[Symbol.dispose]();
  }
}

Deno.test("findSwitch() tells a switch that is missing from a silent daemon", async () => {
  using tool = new ScriptedTool();
  assertEquals(await findSwitch("sw0"), "there");
  assertEquals(tool.calls, ["--timeout=10 br-exists sw0"]);
  tool.ends([2]);
  assertEquals(await findSwitch("sw0"), "missing");
  tool.ends([1], "no db.sock");
  const state = await findSwitch("sw0");
  const why = typeof state === "string" ? state : state.unreachable;
  assertEquals(why.endsWith("failed (exit code 1): no db.sock"), true, why);
});

Deno.test("portsOf() names the ports, and none where nobody answers", async () => {
  using tool = new ScriptedTool();
  tool.ends([0], "tap0\neth0\n");
  assertEquals(await portsOf("sw0"), ["tap0", "eth0"]);
  assertEquals(tool.calls, ["--timeout=10 list-ports sw0"]);
  tool.ends([1]);
  assertEquals(await portsOf("sw0"), undefined);
});

Deno.test("joinSwitch() makes a port in place of an old one, and starts it", async () => {
  using tool = new ScriptedTool();
  run("ip", "tuntap", "add", "kvmhovs0", "mode", "tap");
  const flags = () =>
    Number(Deno.readTextFileSync("/sys/class/net/kvmhovs0/flags")) & 1;
  try {
    const join = (link: string | null, vlan: string | null) =>
      joinSwitch("kvmhovs0", { link, vlan });
    const words = "--timeout=10 -- --if-exists del-port kvmhovs0 -- add-port";
    tool.ends([1]);
    await assertRejects(() => join("sw0", null), HotplugError, "exit code 1");
    assertEquals([tool.calls, flags()], [[`${words} sw0 kvmhovs0`], 0]);
    tool.ends();
    await join("sw0", ".5:6:7");
    assertEquals([tool.calls, flags()], [[
      `${words} sw0 kvmhovs0 tag=5 trunks=6,7`,
    ], 1]);
  } finally {
    run("ip", "link", "delete", "kvmhovs0");
  }
});

Deno.test("leaveSwitch() asks the database alone if the daemon is down", async () => {
  using tool = new ScriptedTool();
  await leaveSwitch("tap0");
  const leave = "-- --if-exists del-port tap0";
  assertEquals(tool.calls, [`--timeout=10 ${leave}`]);
  tool.ends([1]);
  await leaveSwitch("tap0");
  const both = [`--timeout=10 ${leave}`, `--timeout=10 --no-wait ${leave}`];
  assertEquals(tool.calls, both);
  tool.ends([1, 1]);
  await assertRejects(() => leaveSwitch("tap0"), HotplugError, "exit code 1");
  assertEquals(tool.calls, both);
});
