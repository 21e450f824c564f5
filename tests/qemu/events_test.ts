import { assertEquals, assertMatch } from "@std/assert";
import { documentOf } from "../support/document.ts";
import { until } from "../../tools/guest/deadline.ts";
import { TestTerminal } from "../lab/terminal.ts";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { EXECUTABLE, spawnTool, tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

/** A running `events --json`, and what it wrote. */
class Follower {
  readonly #process: Deno.ChildProcess;
  readonly #whole: Promise<void>;
  #text = "";

  constructor(vm: Vm, ...options: string[]) {
    this.#process = spawnTool(vm, ["events", vm.name, "--json", ...options]);
    this.#whole = this.#read();
  }

  async #read() {
    const text = this.#process.stdout.pipeThrough(new TextDecoderStream());
    for await (const part of text) this.#text += part;
  }

  // deno-lint-ignore no-explicit-any -- a test reads it as it likes
  get seen(): any[] {
    return this.#text.split("\n").slice(0, -1).map((line) =>
      documentOf(line, ["events"])
    );
  }

  /** Lets events happen until one was seen: it is connected now. */
  async attached(vm: Vm): Promise<void> {
    await until(async () => {
      await vm.qmp.execute("stop");
      await vm.qmp.execute("cont");
      return this.seen.length > 0 ? true : undefined;
    }, { what: "event seen", everyMs: 50 });
  }

  async ended(): Promise<number> {
    await this.#whole;
    const { code } = await this.#process.status;
    await this.#process.stderr.cancel();
    return code;
  }
}

eachRelease("events gives the monitor to others and goes on", async (vm) => {
  const image = `${vm.runDir}/d1.img`;
  await makeImage(image, "events");
  await using terminal = await TestTerminal.start(
    [
      "sh",
      "-c",
      `trap : INT; ${EXECUTABLE} events ${vm.name}; echo status $?; cat`,
    ],
    { KVM_HOTPLUG_RUN_DIR: vm.runDir },
  );
  await until(async () => {
    await vm.qmp.execute("stop");
    await vm.qmp.execute("cont");
    const text = await terminal.screen();
    return /RESUME/.test(text) ? true : undefined;
  }, { what: "event seen", everyMs: 50 });
  const added = await tool(vm, "disk", "add", vm.name, image, "--name", "data");
  assertEquals(added.status, 0, added.stdout);
  await terminal.seeLine(/-- gap of \d+\.\d\d s: the monitor was used by/);
  // What only the removal has received is told, too.
  const other = `${vm.runDir}/d2.img`;
  await makeImage(other, "relayed");
  for (const words of [["add", vm.name, other], ["remove", vm.name, other]]) {
    const { status, stdout } = await tool(vm, "disk", ...words);
    assertEquals(status, 0, stdout);
  }
  await terminal.seeLine(/DEVICE_DELETED \[disk .*\(relayed\)/);
  await terminal.seeLine(/; relayed events: \d+/);
  const { index, id } = added.json.device;
  await vm.qmp.execute("device_del", { id });
  await terminal.seeLine(
    new RegExp(`DEVICE_DELETED \\[disk ${index} [^\\]]*\\] device=`),
  );
  await terminal.press("C-c");
  await terminal.see(/status 0$/m);
});

eachRelease("of two that watch the younger one goes first", async (vm) => {
  const older = new Follower(vm, "--until", "SHUTDOWN");
  await older.attached(vm);
  const younger = new Follower(vm, "--until", "STOP");
  // The older one takes the monitor again once the younger one has ended.
  await younger.attached(vm);
  assertEquals(await younger.ended(), 0);
  await until(async () => {
    await vm.qmp.execute("stop");
    await vm.qmp.execute("cont");
    const last = older.seen.at(-1);
    return last?.event === "RESUME" && older.seen.some(({ gap }) => gap)
      ? true
      : undefined;
  }, { what: "end of the gap", everyMs: 50 });
  const gaps = older.seen.flatMap(({ gap }) => gap ?? []);
  assertEquals(gaps.length, 1);
  assertMatch(gaps[0].reason, /events .*--until STOP/);
  await vm.qmp.execute("quit").catch(() => undefined);
  assertEquals(await older.ended(), 0);
}, { guest: "none" });

eachRelease("events ends with --until, --for and the VM", async (vm) => {
  const stopped = new Follower(vm, "--until", "stop", "--for", "30");
  await stopped.attached(vm);
  assertEquals(await stopped.ended(), 0);
  const last = stopped.seen.at(-1);
  assertEquals([last.event, last.data, last.device], ["STOP", {}, null]);
  assertEquals(Math.abs(Date.parse(last.time) - Date.now()) < 60_000, true);

  const late = await tool(vm, "events", vm.name, "--until=STOP", "--for=0.2");
  assertEquals([late.status, late.json.error.code], [4, "event-timeout"]);
  assertEquals([late.json.came, late.json.changed], [false, false]);
  assertEquals((await tool(vm, "events", vm.name, "--for", "0.2")).status, 0);
  const short = ["--for", "3", "--timeout", "0.3"];
  const hung = new Follower(vm, "--until", "SHUTDOWN", ...short);
  await hung.attached(vm);
  Deno.kill(vm.pid, "SIGSTOP");
  try {
    assertEquals(await hung.ended(), 4);
  } finally {
    Deno.kill(vm.pid, "SIGCONT");
  }
  assertEquals(hung.seen.at(-1).error.code, "monitor-timeout");
  const odd = await tool(vm, "events", vm.name, "--until", "SHUTDOW");
  assertEquals(odd.status, 3);
  assertEquals(odd.json.error.hint, "did you mean SHUTDOWN?");

  const whole = new Follower(vm);
  await whole.attached(vm);
  await vm.qmp.execute("quit").catch(() => undefined);
  assertEquals(await whole.ended(), 0);
  assertEquals(whole.seen.at(-1).event, "SHUTDOWN");
}, { guest: "none" });
