/** `list`: every instance is asked, and none is waited for too long. */
import { saidIn } from "../support/document.ts";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { UnixListener } from "../lab/unix_listener.ts";
import { listAll } from "../../lib/inspect/list_all.ts";
import { pause } from "../../lib/sys/pause.ts";
import { withHolder } from "../lab/hold.ts";
import { ending, pretend } from "../lab/pretend.ts";
import { ScriptedPeer } from "../lab/scripted_peer.ts";
import {
  cli,
  type Doc,
  Instance,
  NAME,
  type Ran,
} from "../lab/scripted_instance.ts";

const SOON = ["--timeout", "0.5"];

/** How long a look at all processes takes on a node that has many. */
const LOOK_MS = 350;

/** Makes each look at all processes slow, and counts them. */
function slowLooks(): Disposable & { readonly count: number } {
  const readDirSync = Deno.readDirSync;
  let count = 0;
  Deno.readDirSync = (path) => {
    if (path === "/proc") {
      count++;
      const end = performance.now() + LOOK_MS;
      while (performance.now() < end);
    }
    return readDirSync(path);
  };
  return {
    get count() {
      return count;
    },
    [Symbol.dispose]: () => void (Deno.readDirSync = readDirSync),
  };
}

/** A further instance's socket, which is not there yet. */
function another(vm: Instance, name: string): string {
  Deno.writeTextFileSync(vm.at(`conf/${name}.runtime`), vm.text);
  return vm.at(`ctrl/${name}.qmp`);
}

function only(ran: Ran): Doc {
  assertEquals(ran.status, 0, ran.out);
  const [first, ...more] = ran.json.instances as Doc[];
  assertEquals(more, []);
  return first ?? {};
}

Deno.test("list says in which state a VM is", async () => {
  await using vm = new Instance();
  const process = await pretend(vm, NAME);
  const ran = only(await vm.cli("list"));
  assertEquals(ran, {
    instance: NAME,
    running: true,
    disks: 1,
    nics: 1,
    state: "running",
    monitor: "answered",
    compared: "presence",
    attention: [],
  });
  for (const status of ["paused", "io-error"]) {
    vm.peer.once("query-status", { value: { status, running: false } });
    const { state, attention } = only(await vm.cli("list"));
    assertEquals(state, status);
    assertMatch(saidIn(attention), new RegExp(status));
  }
  await ending(process);
});

Deno.test("list and list INSTANCE say alike that a VM runs whose socket is gone", async () => {
  await using vm = new Instance();
  await vm.peer.die();
  Deno.removeSync(vm.qmpPath);
  const both = async () => {
    const { running } = only(await vm.cli("list"));
    const one = await vm.cli("list", NAME);
    const { qemu, devices, ...rest } = one.json;
    const all = (devices as Doc[]).map(({ status }) => status);
    assertEquals([one.status, qemu, rest.running], [0, null, running]);
    return { running, all, err: one.err };
  };
  const down = await both();
  assertEquals([down.running, down.all], [false, Array(2).fill("not-in-qemu")]);
  assertMatch(
    down.err,
    /the VM does not run: the list shows the runtime file's devices/,
  );
  const process = await pretend(vm, NAME);
  const up = await both();
  assertEquals([up.running, up.all], [true, Array(2).fill("unasked")]);
  assertMatch(up.err, /no QMP socket .*, although the VM runs: the list shows/);
  await ending(process);
});

Deno.test("list: a VM that is silent runs, whatever the pid file says", async () => {
  await using vm = new Instance();
  await vm.peer.die();
  Deno.removeSync(vm.qmpPath);
  using _hung = UnixListener.bind(vm.qmpPath);
  for (const pid of [undefined, "1"]) {
    if (pid !== undefined) Deno.writeTextFileSync(vm.at(`pid/${NAME}`), pid);
    const words = ["--run-dir", vm.runDir, "list", ...SOON];
    const { running, monitor } = only(await cli(["--json", ...words]));
    assertEquals([running, monitor], [true, "silent"]);
    assertMatch((await cli(words)).out, /^vm1\S+ +silent /m);
  }
});

Deno.test("list tells of recorded devices that QEMU has not", async () => {
  await using vm = new Instance();
  vm.peer.model.devices.clear();
  const { attention } = only(await vm.cli("list"));
  assertMatch(
    saidIn(attention),
    /disk 0[^;]* but QEMU has no such device; .*repair[^;]*\nNIC 0 .*; .*repair/,
  );
  // One hint, however deep it was looked.
  const { json } = await vm.cli("list", NAME);
  for (
    const { differences } of json.devices as {
      differences: { hint: string }[];
    }[]
  ) {
    assertMatch(differences[0]?.hint ?? "", /^kvm-hotplug repair /);
  }
});

Deno.test("list does not wait for a QEMU that says nothing", async () => {
  await using vm = new Instance();
  vm.peer.once("query-status", { reply: "never", carryOut: "no" });
  const begin = performance.now();
  const process = await pretend(vm, NAME);
  const { running, monitor, attention } = only(await vm.cli("list", ...SOON));
  assertEquals([running, monitor], [true, "silent"]);
  assertMatch(saidIn(attention), /does not answer/);
  assert(performance.now() - begin < 3_000);
  await ending(process);
});

Deno.test("list disturbs nobody who holds a monitor, and names him", async () => {
  await using vm = new Instance();
  await withHolder(vm.qmpPath, async (pid) => {
    const ran = only(await cli(["--run-dir", vm.runDir, "--json", "list"]));
    assertEquals([ran.monitor, ran.running], ["held", true]);
    assertMatch(
      saidIn(ran.attention),
      new RegExp(`in use by .*hold_monitor.* \\(pid ${pid}\\)`),
    );
    assertEquals(vm.peer.connections, 1);
  });
});

Deno.test("list looks once for all holders, and not before the answers", async () => {
  await using vm = new Instance();
  await using peer = new ScriptedPeer(another(vm, "held"));
  using hung = new DisposableStack();
  for (const name of ["hung1", "hung2", "hung3", "hung4"]) {
    hung.use(UnixListener.bind(another(vm, name)));
  }
  await withHolder(vm.at("ctrl/held.qmp"), async () => {
    while (peer.connections === 0) await pause(1);
    using looks = slowLooks();
    const begin = performance.now();
    const { instances } = (await vm.cli("list", ...SOON)).json;
    const tookMs = performance.now() - begin;
    const seen = (instances as Doc[]).map((one) =>
      `${one.instance} ${one.monitor}`
    );
    assertEquals(seen, [
      "held held",
      ...[1, 2, 3, 4].map((number) => `hung${number} silent`),
      `${NAME} answered`,
    ]);
    assertEquals(looks.count, 1);
    assert(tookMs < 500 + LOOK_MS + 500, `${tookMs} ms`);
    assertEquals(peer.connections, 1);
  });
});

Deno.test("listAll() hears who has answered while it was kept", async () => {
  await using vm = new Instance();
  await using _other = new ScriptedPeer(another(vm, "other"));
  const deadlineMs = 200;
  let isKept = false;
  const { instances } = await listAll(vm, {
    ...{ deadlineMs, compared: "presence" },
    trace: (what) => {
      if (what !== "receive" || isKept) return;
      isKept = true;
      const end = performance.now() + deadlineMs;
      while (performance.now() < end);
    },
  });
  const answered = instances.map(({ monitor }) => monitor);
  assertEquals([isKept, answered], [true, ["answered", "answered"]]);
});

Deno.test("list tells of what answers nonsense, and of what is not there", async () => {
  await using vm = new Instance();
  vm.peer.greeting = "garbage\n";
  const odd = only(await vm.cli("list"));
  assertEquals([odd.monitor, odd.running], ["silent", true]);
  assertMatch(saidIn(odd.attention), /does not speak QMP/);
  await vm.peer.die();
  const down = only(await vm.cli("list"));
  assertEquals([down.running, down.monitor], [false, "none"]);
  assertEquals(down.attention, []);
  const process = await pretend(vm, NAME);
  const lost = only(await vm.cli("list"));
  assertEquals([lost.running, lost.monitor], [true, "none"]);
  assertMatch(saidIn(lost.attention), /Cannot ask QEMU: .*\.qmp/);
  await ending(process);
});

Deno.test("list and its like work without a runtime file, and say so", async () => {
  const texts = { broken: '[["x",', huge: `${" ".repeat(1 << 20)}[]` };
  for (const make of ["missing", "broken", "huge"] as const) {
    await using vm = new Instance();
    if (make === "missing") Deno.removeSync(vm.runtimePath);
    else Deno.writeTextFileSync(vm.runtimePath, texts[make]);
    const process = await pretend(vm, NAME);
    const file = /runtime file/;
    const all = only(await vm.cli("list"));
    assertEquals([all.running, all.disks, all.state], [true, null, "running"]);
    assertMatch(saidIn(all.attention), file);
    const one = await vm.cli("list", NAME);
    const shown = (one.json.devices as Doc[]).map(({ kind, status }) =>
      [kind, status].join(" ")
    );
    const status = make === "missing" ? "not-recorded" : "unknown";
    assertEquals(shown, [`disk ${status}`, `nic ${status}`]);
    const codes = (one.json.differences as Doc[]).map(({ code }) => code);
    assertEquals(codes, make === "missing" ? [] : ["bad-state-file"]);
    assertMatch(one.err, file);
    const check = await vm.cli("check", NAME);
    const [first] = check.json.requirements as Doc[];
    assertEquals(
      [check.status, first?.name, first?.ok],
      [3, "runtime-file", false],
    );
    const pci = await vm.cli("pci", NAME);
    assertEquals(pci.status, 0);
    assertMatch(pci.err, file);
    await ending(process);
    await vm.peer.die();
    const down = (await vm.cli("list", NAME)).json.error as Doc;
    const code = make === "missing" ? "no-such-instance" : "bad-state-file";
    assertEquals(down.code, code);
  }
});

Deno.test("questions to QEMU offer the nearest instance, too", async () => {
  await using vm = new Instance();
  const word = NAME.replace("1", "");
  for (const words of [["pci"], ["check"], ["qmp"], ["list"]]) {
    const [command = ""] = words;
    const more = command === "qmp" ? ["query-status"] : [];
    const ran = await vm.cli(command, word, ...more);
    const error = ran.json.error as Doc;
    assertEquals([ran.status, error.code], [3, "no-such-instance"], command);
    assertEquals(error.hint, `did you mean ${NAME}?`);
  }
});
