/** `events` with a scripted QEMU: what is written, and how it ends. */
import { dirname } from "@std/path/posix";
import { assertEquals, assertMatch } from "@std/assert";
import { main } from "../../lib/cli/main.ts";
import { asNobody } from "../lab/other_user.ts";
import { event } from "../lab/scripted_behaviour.ts";
import { Instance, NAME } from "../lab/scripted_instance.ts";
import { documentOf } from "../support/document.ts";

const SCHEMA = ["STOP", "RESUME", "SHUTDOWN"].map((name) => ({
  ...{ name, "meta-type": "event", "arg-type": "x" },
}));

type Doc = Record<string, unknown>;

/** Runs it; `reader`: for how many lines somebody reads. */
async function events(
  vm: Instance,
  words: readonly string[],
  { reader = Infinity, signal = new AbortController().signal }: {
    readonly reader?: number;
    readonly signal?: AbortSignal;
  } = {},
) {
  const lines: string[] = [];
  let err = "";
  const status = await main({
    args: ["--run-dir", vm.runDir, "events", NAME, ...words],
    env: () => undefined,
    signal,
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    readInput: () => "",
    out: (text) => lines.push(text),
    err: (text) => err += text,
    streams: () => ({
      input: new ReadableStream(),
      write: (text) => {
        if (lines.length >= reader) return Promise.resolve("gone");
        lines.push(text);
        return Promise.resolve("written");
      },
    }),
  });
  await vm.peer.idle();
  return { status, lines, err };
}

/** QEMU tells of these once it is asked for its schema. */
function tells(vm: Instance, ...names: string[]) {
  vm.peer.once("query-qmp-schema", {
    ...{ carryOut: "no", value: SCHEMA } as const,
    after: names.map((name) => event(name)),
  });
}

Deno.test("events writes each, and ends with the one that was waited for", async () => {
  await using vm = new Instance();
  tells(vm, "STOP", "RESUME", "SHUTDOWN");
  const { status, lines, err } = await events(vm, ["--until", "resume"]);
  assertEquals([status, err], [0, ""]);
  assertEquals(lines.map((line) => line.split(" ")[2]?.trim()), [
    ...["STOP", "RESUME"],
  ]);
  tells(vm, "STOP", "RESUME");
  const json = await events(vm, ["--until", "RESUME", "--json"]);
  const told = json.lines.map((line) => documentOf(line) as Doc);
  assertEquals(told.map((one) => [one.instance, one.event]), [
    ...[[NAME, "STOP"], [NAME, "RESUME"]],
  ]);
});

Deno.test("events ends without a fault when nobody reads, and by a signal", async () => {
  await using vm = new Instance();
  tells(vm, "STOP", "RESUME");
  const gone = await events(vm, ["--until", "SHUTDOWN"], { reader: 1 });
  assertEquals([gone.status, gone.lines.length], [0, 1], gone.err);
  const stop = new AbortController();
  setTimeout(() => stop.abort(), 50);
  tells(vm);
  const ended = await events(vm, ["--until", "STOP"], { signal: stop.signal });
  assertEquals([ended.status, ended.lines], [0, []], ended.err);
});

Deno.test("events tells why what was waited for was not seen", async () => {
  await using vm = new Instance();
  tells(vm, "STOP");
  const late = await events(vm, ["--until", "RESUME", "--for", "0.1"]);
  assertMatch(late.err, /RESUME did not occur within 0\.1 s/);
  assertEquals(late.status === 0, false);
  // The time alone is no fault.
  const timed = await events(vm, ["--for", "0.1"]);
  assertEquals([timed.status, timed.err], [0, ""]);
  tells(vm);
  const unknown = await events(vm, ["--until", "RESUM"]);
  assertEquals([unknown.status, unknown.lines], [3, []]);
  assertMatch(unknown.err, /no event "RESUM"\nhint: did you mean RESUME\?/);
});

Deno.test("events tells of devices by QEMU's names where the file is broken", async () => {
  await using vm = new Instance();
  Deno.writeTextFileSync(vm.runtimePath, "{");
  const { status, err } = await events(vm, ["--for", "0"]);
  assertEquals(status, 0, err);
  assertMatch(err, /^warning: .*: devices are shown by QEMU's names only\n$/);
});

Deno.test("events as another user makes no folder that would refuse root", async () => {
  await using vm = new Instance();
  const words = ["--for", "0.1"];
  assertEquals((await events(vm, words)).status, 0);
  Deno.removeSync(vm.ownDir, { recursive: true });
  for (const path of [vm.at("."), dirname(vm.qmpPath), vm.qmpPath, vm.runDir]) {
    Deno.chmodSync(path, 0o777);
  }
  assertEquals((await asNobody(() => events(vm, words))).status, 0);
  const names = [...Deno.readDirSync(vm.runDir)].map(({ name }) => name);
  assertEquals(names.includes("kvm-hotplug"), false, names.join(" "));
});
