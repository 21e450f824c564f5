/** A platform without FFI, and a C library that cannot pass descriptors. */
import { documentOf } from "../support/document.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { ending, pretend } from "../lab/pretend.ts";
import {
  DISK,
  type Doc,
  Instance,
  NAME,
  type Ran,
} from "../lab/scripted_instance.ts";

const PROGRAM = new URL("../lab/without_libc.ts", import.meta.url).pathname;

/** What the C library lacks: a function's name, or `dlopen` for all of it. */
async function runWithout(
  missing: string,
  vm: Instance,
  ...words: string[]
): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", PROGRAM, missing, ...words, "--run-dir", vm.runDir],
    stdin: "null",
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  ) as [string, string];
  return {
    status: code,
    out,
    err,
    get json() {
      return out === "" ? {} : documentOf(out);
    },
  };
}

const CHANGES = (vm: Instance) => [
  ["disk", "add", NAME, vm.image()],
  ["disk", "add", NAME, vm.image(), "--dry-run"],
  ["disk", "remove", NAME, "0"],
  ["nic", "add", NAME],
  ["nic", "remove", NAME, "0"],
];

/** What a refusal tells of the cause. */
const CAUSES = {
  dlopen: /the C library cannot be called \(there is none\)$/,
  // glibc before 2.28.
  statx: /glibc 2\.\d+ has no statx$/,
  // musl.
  gnu_get_libc_version: /the C library is not glibc: it has no gnu_get_libc_v/,
  sendmsg: /glibc 2\.\d+ has no sendmsg$/,
};

for (const [missing, cause] of Object.entries(CAUSES)) {
  Deno.test(`without ${missing} hotplug is refused, once, clearly`, async () => {
    await using vm = new Instance();
    const changes = CHANGES(vm);
    const before = vm.state();
    // What asks is the same in each: with one cause they are all tried.
    const some = missing === "dlopen" ? changes : changes.slice(0, 1);
    for (const words of some) {
      const ran = await runWithout(missing, vm, ...words, "--json");
      const { error, changed } = ran.json as {
        error: { code: string; message: string; hint: string };
        changed: boolean;
      };
      assertEquals([ran.status, error.code], [3, "unsupported"], ran.out);
      assertEquals([changed, ran.err], [false, ""]);
      assertMatch(error.message, /^Hotplug does not work on this node: /);
      assertMatch(error.message, cause);
      assertMatch(
        error.hint,
        /glibc 2\.28 or newer; list and state show/,
      );
      if (words !== some[0]) continue;
      const told = await runWithout(missing, vm, ...words);
      assertEquals(told.err.split(error.message).length, 2, told.err);
    }
    assertEquals(vm.peer.connections, 0);
    assertEquals(vm.state(), before);
  });
}

for (const missing of ["dlopen", "statx", "gnu_get_libc_version"]) {
  Deno.test(`without ${missing} the files are read all the same`, () =>
    readAllTheSame(missing));
}

async function readAllTheSame(what: string): Promise<void> {
  await using vm = new Instance();
  const list = await runWithout(what, vm, "list", NAME, "--json");
  assertEquals(list.status, 0, list.out);
  const { qemu, devices } = list.json as {
    qemu: null;
    devices: { id: string }[];
  };
  assertEquals([qemu, devices.length, devices[0]?.id], [null, 2, DISK.id]);
  assertMatch(
    list.err,
    /^warning: Hotplug does not work on this node: .*runtime/,
  );
  const all = await runWithout(what, vm, "list", "--json");
  const { instances } = all.json as { instances: unknown[] };
  assertEquals(instances, [{
    instance: NAME,
    running: false,
    disks: 1,
    nics: 1,
    state: null,
    monitor: "unasked",
    compared: null,
    attention: [],
  }]);
  const show = await runWithout(what, vm, "state", "show", NAME, "--json");
  assertEquals([show.status, show.json.ok], [0, true], show.out + show.err);
  assertEquals(show.json.raw, vm.runtime);
  const check = await runWithout(what, vm, "check", NAME, "--json");
  assertEquals(check.status, 3, check.out);
  const missing = ["list", "no-such.example.com", "--json"];
  assertEquals((await runWithout(what, vm, ...missing)).status, 3);
}

Deno.test("without dlopen both lists say alike whether a VM runs", async () => {
  await using vm = new Instance();
  await vm.peer.die();
  Deno.removeSync(vm.qmpPath);
  const both = async () => {
    const all = await runWithout("dlopen", vm, "list", "--json");
    const [{ running, monitor }] = all.json.instances as [Doc];
    assertEquals(monitor, "unasked");
    const one = await runWithout("dlopen", vm, "list", NAME, "--json");
    const { qemu, devices, ...rest } = one.json;
    assertEquals([one.status, qemu, rest.running], [0, null, running]);
    const status = running ? "unasked" : "not-in-qemu";
    assertEquals((devices as Doc[]).map((device) => device.status), [
      status,
      status,
    ]);
    const text = await runWithout("dlopen", vm, "list", NAME);
    const head = running ? "running, not asked" : "not running";
    assertEquals(text.out.split("\n")[0], `${NAME}: ${head}`);
    return running;
  };
  assertEquals(await both(), false);
  const process = await pretend(vm, NAME);
  assertEquals(await both(), true, "the pid file leads to it");
  await ending(process);
  assertEquals(await both(), false, "it has ended");
  using _served = Deno.listen({ transport: "unix", path: vm.qmpPath });
  assertEquals(await both(), true, "its pid file is lost, and it listens");
});

Deno.test("without dlopen a planted file is not read", async () => {
  await using vm = new Instance();
  const { text } = vm;
  Deno.removeSync(vm.runtimePath);
  Deno.writeTextFileSync(`${vm.runDir}/secret`, text);
  Deno.symlinkSync(`${vm.runDir}/secret`, vm.runtimePath);
  const link = await runWithout("dlopen", vm, "list", NAME, "--json");
  assertEquals(link.status, 3, link.out);
  Deno.removeSync(vm.runtimePath);
  new Deno.Command("mkfifo", { args: [vm.runtimePath] }).outputSync();
  const fifo = await runWithout("dlopen", vm, "list", NAME, "--json");
  assertEquals(fifo.status, 3, fifo.out);
});

Deno.test("where libc.so.6 has no dlsym, as before glibc 2.34, all goes on", async () => {
  await using vm = new Instance();
  const add = ["disk", "add", NAME, vm.image(), "--json"];
  const added = await runWithout("dlsym", vm, ...add);
  assertEquals([added.status, added.err], [0, ""], added.out);
  assertEquals(added.json.changed, true);
});

Deno.test("without sendmsg QEMU is still asked", async () => {
  await using vm = new Instance();
  const list = await runWithout("sendmsg", vm, "list", NAME, "--json");
  assertEquals([list.status, list.err], [0, ""], list.out);
  const { devices } = list.json as { devices: { status: string }[] };
  assertEquals(devices.map(({ status }) => status), ["ok", "ok"]);
});
