/** As another user than root: nothing is called down, missing or empty. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { asNobody } from "../lab/other_user.ts";
import { ending, pretend } from "../lab/pretend.ts";
import {
  cli,
  type Doc,
  files,
  Instance,
  NAME,
  type Ran,
} from "../lab/scripted_instance.ts";

/** Opens the folders to everybody, as Ganeti's are; files stay as they are. */
function openFolders(vm: Instance) {
  Deno.chmodSync(vm.runDir, 0o755);
  Deno.chmodSync(vm.at("."), 0o755);
  for (const { name, isDirectory } of Deno.readDirSync(vm.at("."))) {
    if (isDirectory) Deno.chmodSync(vm.at(name), 0o755);
  }
  Deno.chmodSync(vm.qmpPath, 0o755);
}

async function both(vm: Instance, ...words: string[]): Promise<[Ran, Ran]> {
  const all = ["--run-dir", vm.runDir, ...words];
  const modules = await cli(all);
  assert(modules.status !== 1, modules.err);
  return await asNobody(async () => [
    await cli(["--json", ...all]),
    await cli(all),
  ]);
}

/** One line, and the document of the same. */
function assertDenied([json, text]: [Ran, Ran], about: string) {
  const error = json.json.error as Doc | undefined;
  assertEquals([json.status, error?.code], [3, "permission-denied"], about);
  assertEquals(json.json.changed, false, about);
  assertEquals(text.status, 3, about);
  assertMatch(text.err, /^kvm-hotplug: .* must run as root\n$/, about);
}

Deno.test("list as another user calls no VM down that runs", async () => {
  for (const monitor of ["there", "gone"] as const) {
    await using vm = new Instance();
    const process = await pretend(vm, NAME);
    openFolders(vm);
    Deno.chmodSync(vm.at(`pid/${NAME}`), 0o600);
    Deno.chmodSync(vm.runtimePath, 0o600);
    await vm.peer.die();
    Deno.removeSync(vm.qmpPath);
    using stack = new DisposableStack();
    if (monitor === "there") {
      // The kernel tells everybody that somebody listens at this path.
      stack.use(Deno.listen({ transport: "unix", path: vm.qmpPath }));
      Deno.chmodSync(vm.qmpPath, 0o755);
    }
    const ran = await both(vm, "list");
    assertDenied(ran, monitor);
    const [{ json }, { out }] = ran;
    const [{ running, state, disks } = {} as Doc] = json.instances as Doc[];
    const known = monitor === "there" ? true : null;
    assertEquals([running, state, disks], [known, "unknown", null]);
    assertMatch(out, new RegExp(`^${NAME} +unknown `, "m"));
    assert(!/\bdown\b/.test(out), out);
    await ending(process);
  }
});

Deno.test("list as another user says of each VM what only root can see", async () => {
  await using vm = new Instance();
  openFolders(vm);
  Deno.chmodSync(vm.runtimePath, 0o644);
  Deno.mkdirSync(vm.ownDir, { recursive: true, mode: 0o700 });
  const [{ json }] = await both(vm, "list");
  const [{ attention } = {} as Doc] = json.instances as Doc[];
  const [{ code, message } = {} as Doc] = attention as Doc[];
  assertEquals(code, "permission-denied", String(message));
});

Deno.test("list as another user does not miss a VM without a runtime file", async () => {
  await using vm = new Instance();
  const process = await pretend(vm, NAME);
  openFolders(vm);
  Deno.removeSync(vm.runtimePath);
  Deno.chmodSync(vm.at(`pid/${NAME}`), 0o600);
  const ran = await both(vm, "list");
  assertDenied(ran, "pid file");
  assertMatch(ran[1].out, new RegExp(`^${NAME} +unknown `, "m"));
  Deno.chmodSync(vm.at("pid"), 0o700);
  assertDenied(await both(vm, "list"), "folder of pid files");
  await ending(process);
});

Deno.test("list as another user names what only root can see", async () => {
  for (const closed of ["runtime", "record", "socket"] as const) {
    await using vm = new Instance();
    openFolders(vm);
    Deno.chmodSync(vm.runtimePath, closed === "runtime" ? 0o600 : 0o644);
    Deno.chmodSync(vm.qmpPath, closed === "socket" ? 0o700 : 0o777);
    if (closed === "record") Deno.mkdirSync(vm.ownDir, { mode: 0o700 });
    for (const words of [["list"], ["list", "--whole"]]) {
      const [{ json }] = await both(vm, ...words);
      // Our record is looked at for a whole comparison only.
      const { message = "" } = (json.error ?? {}) as { message?: string };
      const all = closed === "record" && !words.includes("--whole")
        ? ""
        : `Cannot read all data of ${NAME}: kvm-hotplug must run as root`;
      assertEquals(message, all, `${closed}: ${words}`);
      const [{ attention } = {} as Doc] = json.instances as Doc[];
      const told = attention as { code: string; message: string }[];
      const about = `${closed}: ${JSON.stringify(told)}`;
      assertEquals(told[0]?.code, "permission-denied", about);
      for (const { code, message } of told) {
        assertEquals(code, "permission-denied", about);
        assertMatch(message, /^(?!.*os error).* must run as root$/, about);
      }
    }
  }
});

Deno.test("list as another user who may see all answers as it does to root", async () => {
  await using vm = new Instance();
  openFolders(vm);
  Deno.chmodSync(vm.runtimePath, 0o644);
  Deno.chmodSync(vm.qmpPath, 0o777);
  const [{ status, json, err }] = await both(vm, "list");
  const [{ state } = {} as Doc] = json.instances as Doc[];
  assertEquals([status, json.ok, state, err], [0, true, "running", ""]);
});

Deno.test("every command says that it must run as root", async () => {
  const words = [
    ["list"],
    ["list", NAME],
    ["check", NAME],
    ["pci", NAME],
    ["qmp", NAME, "query-status"],
    ["state", "show", NAME],
    ["state", "show", NAME, "--verify"],
    ["state", "command", NAME],
    ["repair", NAME],
    ["adopt", NAME],
    ["adopt", NAME, "--dry-run"],
    ["disk", "add", NAME, "/dev/null"],
    ["disk", "add", NAME, "/dev/null", "--dry-run"],
    ["disk", "remove", NAME, "7"],
    ["nic", "add", NAME, "--dry-run"],
  ];
  for (const folders of ["open", "closed"] as const) {
    await using vm = new Instance();
    if (folders === "open") openFolders(vm);
    Deno.chmodSync(vm.runtimePath, 0o600);
    for (const one of words) {
      await cli(["--run-dir", vm.runDir, ...one]);
      const before = files(vm.runDir);
      assertDenied(await both(vm, ...one), `${folders}: ${one.join(" ")}`);
      assertEquals(files(vm.runDir), before);
    }
  }
});

Deno.test("a change as another user leaves no folder of its own", async () => {
  await using vm = new Instance();
  openFolders(vm);
  Deno.chmodSync(vm.runDir, 0o777);
  Deno.chmodSync(vm.runtimePath, 0o644);
  Deno.chmodSync(vm.qmpPath, 0o777);
  for (const change of [["nic", "remove", NAME, "7"], ["repair", NAME]]) {
    const words = ["--run-dir", vm.runDir, ...change];
    await cli(words);
    await Deno.remove(vm.ownDir, { recursive: true });
    const { status, err } = await asNobody(() => cli(words));
    assertEquals(status, 3);
    assertMatch(err, /must run as root/);
    const names = [...Deno.readDirSync(vm.runDir)].map(({ name }) => name);
    assert(!names.includes("kvm-hotplug"), names.join(" "));
  }
});
