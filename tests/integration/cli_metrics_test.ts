/** `metrics`: each QEMU is asked once, and none prevents the others. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { withHolder } from "../lab/hold.ts";
import { ending, pretend } from "../lab/pretend.ts";
import { UnixListener } from "../lab/unix_listener.ts";
import { ScriptedPeer } from "../lab/scripted_peer.ts";
import {
  cli,
  DISK,
  type Doc,
  files,
  Instance,
  NAME,
  NIC,
  type Ran,
} from "../lab/scripted_instance.ts";

const SOON = ["--timeout", "0.5"];

/** The samples about instances, without the beginning of their names. */
function samplesIn({ out }: Pick<Ran, "out">): string[] {
  return out.trimEnd().split("\n").filter((line) => line.includes("{vm="))
    .map((line) => line.replace(/^kvm_hotplug_/, ""));
}

/** The value of a sample without labels. */
function valueIn({ out }: Ran, name: string): number {
  const [, text] = new RegExp(`^kvm_hotplug_${name} (.*)$`, "m").exec(out) ??
    [];
  return Number(text);
}

async function metrics(vm: Instance, ...more: string[]): Promise<Ran> {
  const ran = await cli(["--run-dir", vm.runDir, "metrics", ...more]);
  assertEquals([ran.status, ran.err], [0, ""]);
  return ran;
}

/** The samples about one instance. */
async function about(vm: Instance, name = NAME): Promise<string[]> {
  return samplesIn(await metrics(vm, ...SOON))
    .filter((line) => line.includes(`"${name}"`))
    .map((line) => line.replace(/vm="[^"]*",?/, "").replace("{}", ""));
}

const WELL = [
  "instance_success 1",
  "instance_running 1",
  'instance_monitor{state="answered"} 1',
  'instance_run_state{state="running"} 1',
  'devices{kind="disk",status="present"} 1',
  'devices{kind="nic",status="present"} 1',
  "interrupted_changes 0",
];

Deno.test("metrics of a VM that is well, by one session and each question once", async () => {
  await using vm = new Instance();
  vm.peer.calls.length = 0;
  const began = Date.now();
  const ran = await metrics(vm);
  const told = samplesIn(ran).map((line) =>
    line.replace(`vm="${NAME}"`, "").replace("{,", "{").replace("{}", "")
  );
  const slots = told.filter((line) => line.startsWith("free_"));
  assertEquals(told.filter((line) => !line.startsWith("free_")), WELL);
  // 20 slots from kvm_pci_reservations on, without disk and NIC.
  assertEquals(slots, ['free_slots{bus="pci.0"} 18']);
  const asked = vm.peer.calls.map(({ command, args }) =>
    JSON.stringify([command, args])
  );
  assertEquals(vm.peer.connections, 1);
  assertEquals(new Set(asked).size, asked.length, asked.join("\n"));
  const at = valueIn(ran, "collection_timestamp_seconds") * 1000;
  assert(at >= began && at <= Date.now(), `${at}`);
  const took = valueIn(ran, "collection_duration_seconds");
  assert(took > 0 && took < 2, `${took}`);
  assertEquals(valueIn(ran, "instances"), 1);
});

Deno.test("metrics tell what list and pci tell", async () => {
  await using vm = new Instance();
  vm.peer.model.devices.delete(DISK.id);
  vm.peer.once("query-status", {
    value: { status: "paused", running: false },
  });
  const told = await about(vm);
  for (
    const line of [
      "instance_success 1",
      'instance_run_state{state="paused"} 1',
      'devices{kind="disk",status="not-in-qemu"} 1',
      'devices{kind="nic",status="present"} 1',
      'differences{code="not-in-qemu"} 1',
      'attention{code="paused"} 1',
      'attention{code="not-in-qemu"} 1',
    ]
  ) assert(told.includes(line), `${line}\n${told.join("\n")}`);
  const { json } = await vm.cli("pci", NAME);
  const [root] = json.buses as Doc[];
  const free = (root?.free as unknown[]).length;
  assert(told.includes(`free_slots{bus="${root?.bus}"} ${free}`));
});

Deno.test("metrics --whole have the statuses and codes of list INSTANCE", async () => {
  await using vm = new Instance();
  vm.peer.model.devices.delete(DISK.id);
  const { json } = await vm.cli("list", NAME);
  const told = samplesIn(await metrics(vm, "--whole"));
  for (const { kind, status } of json.devices as Doc[]) {
    const sample = `kind="${kind}",status="${status}"} 1`;
    assert(told.some((line) => line.endsWith(sample)), sample);
  }
  const differences = [...json.devices as Doc[], json]
    .flatMap((one) => one.differences as Doc[]);
  const codes = new Set(differences.map(({ code }) => code));
  const counted = told.filter((line) => line.startsWith("differences{"));
  assertEquals(
    counted.map((line) => /code="([^"]+)"/.exec(line)?.[1]).sort(),
    [...codes].sort(),
  );
  const total = counted.map((line) => Number(line.split(" ").at(-1)))
    .reduce((sum, one) => sum + one, 0);
  assertEquals(total, differences.length);
});

Deno.test("metrics count the disks that list counts: no drives of the start", async () => {
  await using vm = new Instance();
  const { runtime } = vm;
  const drive = "file=/srv/a.iso,media=cdrom,format=raw,if=ide";
  runtime[0].push("-drive", drive);
  Deno.writeTextFileSync(vm.runtimePath, JSON.stringify(runtime));
  const { json: all } = await vm.cli("list");
  const [summary] = all.instances as Doc[];
  const { json } = await vm.cli("list", NAME);
  const disks = (json.devices as Doc[]).filter(({ kind }) => kind === "disk");
  assertEquals([summary?.disks, disks.length], [1, 2]);
  for (const depth of [[], ["--whole"]]) {
    const counted = samplesIn(await metrics(vm, ...depth))
      .filter((line) => line.includes('kind="disk"'))
      .map((line) => Number(line.split(" ").at(-1)));
    assertEquals(counted, [1]);
  }
});

Deno.test("metrics tell since when a removal is pending", async () => {
  await using vm = new Instance();
  const process = await pretend(vm, NAME);
  vm.peer.guest = "is silent";
  const before = Date.now();
  const removed = await vm.cli(
    ...["nic", "remove", NAME, NIC.id, "--unplug-timeout", "0.2"],
  );
  assertEquals(removed.status, 6, removed.out);
  const after = Date.now();
  const told = await about(vm);
  const waits = told.filter((line) => line.startsWith("pending_removal"));
  const start =
    `pending_removal_timestamp_seconds{kind="nic",device="${NIC.id}"} `;
  assertEquals(waits.map((line) => line.slice(0, start.length)), [start]);
  const at = Number(waits[0]?.slice(start.length)) * 1000;
  assert(at >= before && at <= after, `${at}`);
  assert(told.includes('devices{kind="nic",status="pending-removal"} 1'));
  assert(told.includes('attention{code="pending-removal"} 1'));
  assertEquals(told.filter((line) => line.startsWith("differences")), []);
  // The guest has released it, and nothing has finished the removal yet.
  await vm.peer.idle();
  await vm.peer.release(NIC.id);
  const released = await about(vm);
  assert(!released.join("\n").includes("pending"), released.join("\n"));
  assert(released.includes('attention{code="removal-released"} 1'));
  await ending(process);
});

Deno.test("metrics tell of an interrupted change", async () => {
  await using vm = new Instance();
  Deno.mkdirSync(vm.ownDir, { mode: 0o700 });
  const path = `${vm.ownDir}/${NAME}.journal`;
  Deno.writeTextFileSync(path, "x", { mode: 0o600 });
  const told = await about(vm);
  assert(told.includes("interrupted_changes 1"), told.join("\n"));
  assert(told.includes('attention{code="interrupted"} 1'));
});

Deno.test("metrics of many instances lose none, whatever one of them does", async () => {
  await using vm = new Instance();
  const add = (name: string, text = vm.text) =>
    Deno.writeTextFileSync(vm.at(`conf/${name}.runtime`), text);
  add("down");
  add("broken", "[[");
  // Not names of instances: their bytes could end a line or a value.
  for (const name of ['a"b', "a\nb", "a\\b", "\u202ex", "-x"]) add(name);
  add("held");
  add("hung");
  await using held = new ScriptedPeer(vm.at("ctrl/held.qmp"));
  using _hung = UnixListener.bind(vm.at("ctrl/hung.qmp"));
  await withHolder(vm.at("ctrl/held.qmp"), async () => {
    const begin = performance.now();
    const ran = await metrics(vm, ...SOON);
    assert(performance.now() - begin < 3_000);
    assertEquals(valueIn(ran, "instances"), 5);
    assertEquals(valueIn(ran, "collection_success"), 1);
    const told = samplesIn(ran);
    const starts = ["instance_success", "instance_monitor", "instance_running"];
    const states = told.filter((line) =>
      starts.some((start) => line.startsWith(start))
    ).sort();
    assertEquals(states, [
      'instance_monitor{vm="broken",state="none"} 1',
      'instance_monitor{vm="down",state="none"} 1',
      'instance_monitor{vm="held",state="held"} 1',
      'instance_monitor{vm="hung",state="silent"} 1',
      `instance_monitor{vm="${NAME}",state="answered"} 1`,
      'instance_running{vm="broken"} 0',
      'instance_running{vm="down"} 0',
      'instance_running{vm="held"} 1',
      'instance_running{vm="hung"} 1',
      `instance_running{vm="${NAME}"} 1`,
      'instance_success{vm="broken"} 0',
      'instance_success{vm="down"} 1',
      'instance_success{vm="held"} 0',
      'instance_success{vm="hung"} 0',
      `instance_success{vm="${NAME}"} 1`,
    ]);
    assert(told.includes('devices{vm="held",kind="disk",status="unasked"} 1'));
    assert(
      told.includes('devices{vm="down",kind="disk",status="not-in-qemu"} 1'),
    );
    assert(told.includes('attention{vm="broken",code="bad-state-file"} 1'));
    // A held monitor is left to its client.
    assertEquals(held.connections, 1);
  });
});

Deno.test("metrics keep odd text of QEMU in one sample", async () => {
  await using vm = new Instance();
  const bridge = (id: string, slot: number) => ({
    ...{ bus: 0, slot, function: 0, qdev_id: id },
    class_info: { class: 0x0604, desc: "PCI bridge" },
    id: { vendor: 0x1b36, device: 1 },
    pci_bridge: { bus: { secondary: 0 }, devices: [] },
  });
  const odd = 'x"} 1\nup 0\\\u202e';
  const devices = [bridge(odd, 5), bridge(odd, 6)];
  vm.peer.once("query-pci", { value: [{ bus: 0, devices }] });
  const { out } = await metrics(vm);
  for (const line of out.trimEnd().split("\n")) {
    assertMatch(
      line,
      /^(?:# (?:HELP|TYPE) |kvm_hotplug_\w+(?:\{(?:\w+="(?:[^"\\]|\\[\\"n])*",?)+\})? [\d.e+-]+$)/,
    );
  }
});

Deno.test("metrics of a node that cannot be listed say so, with status 3", async () => {
  const ran = await cli(["--run-dir", "/no/such", "metrics"]);
  assertEquals(ran.status, 3);
  assertMatch(ran.err, /Run directory \/no\/such does not exist/);
  assertEquals(valueIn(ran, "collection_success"), 0);
  const words = ["--run-dir", "/no/such", "--json", "metrics"];
  const { json, status } = await cli(words);
  assertEquals([status, (json.error as Doc).code], [3, "no-such-run-dir"]);
  assertMatch(`${json.metrics}`, /^kvm_hotplug_collection_success 0$/m);
});

Deno.test("metrics --json have the text as a member", async () => {
  await using vm = new Instance();
  const { json } = await vm.cli("metrics");
  assertEquals(json.ok, true);
  assertMatch(
    `${json.metrics}`,
    /^# HELP kvm_hotplug_build_info .*\n[^]*\} 1\n/,
  );
});

Deno.test("metrics --output replaces a file, also on a node that cannot be listed", async () => {
  await using vm = new Instance();
  const path = `${vm.runDir}/kvm-hotplug.prom`;
  const words = ["metrics", "--output", path];
  const ran = await cli(["--run-dir", vm.runDir, ...words]);
  const said = `Wrote the metrics of 1 instance to ${path}\n`;
  assertEquals([ran.status, ran.out, ran.err], [0, said, ""]);
  const written = Deno.readTextFileSync(path);
  assertMatch(written, /^kvm_hotplug_instances 1$/m);
  assertEquals(written.endsWith("\n"), true);
  assertEquals(written.includes("# EOF"), false);
  const { json } = await vm.cli(...words);
  assertEquals(json.output, path);
  assertEquals(json.metrics, Deno.readTextFileSync(path));
  // Old values must not look new.
  const lost = await cli(["--run-dir", "/no/such", ...words]);
  assertEquals(lost.status, 3);
  const after = Deno.readTextFileSync(path);
  assertMatch(after, /^kvm_hotplug_collection_success 0$/m);
  assertEquals(after.includes("vm="), false);
});

Deno.test("metrics --output to a bad place: the status, and nothing changed", async () => {
  await using vm = new Instance();
  const before = files(vm.runDir);
  for (const path of [`${vm.runDir}/none/x.prom`, "/dev/null", vm.runDir]) {
    const { status, json } = await vm.cli("metrics", "--output", path);
    assertEquals([status, (json.error as Doc).code], [3, "refused"], path);
  }
  assertEquals(files(vm.runDir), before);
  assertEquals(Deno.statSync("/dev/null").isCharDevice, true);
});
