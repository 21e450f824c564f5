/** How a person names an instance: INTERFACE, "The program". */
import { assertEquals, assertMatch } from "@std/assert";
import { ending, pretend } from "../lab/pretend.ts";
import { codes, RpcClient } from "../lab/rpc_client.ts";
import {
  assertFailed,
  cli,
  diskEntry,
  type Doc,
  Instance,
  NAME,
  NEW,
  NEW_DISK,
  NIC,
} from "../lab/scripted_instance.ts";

/** A further instance of the node, told of by one file. */
function also(vm: Instance, file: string) {
  Deno.writeTextFileSync(vm.at(file), vm.text);
  return { [Symbol.dispose]: () => Deno.removeSync(vm.at(file)) };
}

Deno.test("INSTANCE may be the first part of one name", async () => {
  await using vm = new Instance();
  for (const word of ["vm1", "vm1.example"]) {
    const whole = await vm.cli("list", NAME);
    const { status, json } = await vm.cli("list", word);
    assertEquals([status, json], [0, whole.json]);
    for (
      const words of [
        ["disk", "remove", word, "-1", "--dry-run"],
        ["repair", word],
        ["pci", word],
      ]
    ) {
      const { status, json, out } = await vm.cli(...words);
      assertEquals([status, json.instance], [0, NAME], out);
    }
  }
  // A failure tells the whole name, too.
  const none = await vm.cli("disk", "remove", "vm1", "none");
  assertEquals([none.status, none.json.instance], [3, NAME]);
  for (const word of ["vm", "vm1.", "vm1.ex", "VM1"]) {
    const { message } = assertFailed(
      await vm.cli("list", word),
      3,
      "no-such-instance",
    );
    assertMatch(message, /^No instance \S+ on this node/);
  }
});

Deno.test("INSTANCE that begins several names is refused; an exact one wins", async () => {
  await using vm = new Instance();
  {
    using _other = also(vm, "conf/vm1.example.org.runtime");
    const ran = await vm.cli("disk", "remove", "vm1", "0");
    const { message, hint } = assertFailed(ran, 3, "no-such-instance");
    assertMatch(message, /^vm1 .* 2 .*: vm1\.example\.com; vm1\.example\.org$/);
    assertEquals(hint, "give the whole name");
    assertEquals((await vm.cli("list", NAME)).status, 0);
  }
  {
    using _socket = also(vm, "ctrl/vm1.example.org.qmp");
    assertFailed(await vm.cli("list", "vm1"), 3, "no-such-instance");
  }
  for (const file of ["conf/vm1.runtime", "ctrl/vm1.qmp"]) {
    using _other = also(vm, file);
    const { json } = await vm.cli("list", "vm1");
    assertEquals(json.instance, "vm1", file);
  }
  // A pid file counts as long as it leads to its QEMU.
  using _stale = also(vm, "pid/vm1");
  assertEquals((await vm.cli("list", "vm1")).json.instance, NAME);
  const process = await pretend(vm, "vm1");
  assertEquals((await vm.cli("list", "vm1")).json.instance, "vm1");
  await ending(process);
});

Deno.test("a command line that cannot be parsed tells its instance", async () => {
  await using vm = new Instance();
  const cases: [string[], string | null][] = [
    [["disk", "add", NAME, "/x", "--slt", "3"], NAME],
    [["disk", "add", NAME], NAME],
    [["list", NAME, "more"], NAME],
    [["disk", "add", "/x", "--slt", "3"], null],
    [["disk", "add", "--slt", "3", NAME, "/x"], null],
    [["help", "nothing"], null],
  ];
  for (const [words, instance] of cases) {
    const { status, json } = await vm.cli(...words);
    assertEquals([status, json.instance], [2, instance], words.join(" "));
  }
});

Deno.test("adopt and calls with a file or socket take whole names only", async () => {
  await using vm = new Instance();
  const state = ["--state", vm.runtimePath];
  for (
    const words of [
      ["list", "vm1", ...state],
      ["state", "show", "vm1", ...state],
      ["list", "vm1", "--qmp", vm.qmpPath],
    ]
  ) {
    const { json, out } = await vm.cli(...words);
    assertEquals(json.instance, "vm1", out);
  }
  const ran = await vm.cli("adopt", "vm1");
  const { hint } = assertFailed(ran, 3, "no-such-instance");
  assertEquals(hint, `kvm-hotplug adopt ${NAME} --run-dir ${vm.runDir}`);
});

Deno.test("rpc takes the first part of a name, but in Ganeti's methods", async () => {
  await using vm = new Instance();
  await using rpc = new RpcClient("--run-dir", vm.runDir);
  const { result } = await rpc.call("list", { instance: "vm1" });
  assertEquals((result as Doc).instance, NAME);
  const failed = await rpc.call("nic.remove", { instance: "vm1", nic: "x" });
  assertEquals(codes(failed), [-32003, "no-such-device"]);
  const ganeti = await rpc.call("hotplug_supported", { instance: "vm1" });
  assertEquals(codes(ganeti)[0], -32003);
  assertEquals(await rpc.end(), 0);
});

Deno.test("completion knows the devices behind the first part of a name", async () => {
  await using vm = new Instance();
  const words = ["disk", "remove", "vm1", ""];
  const args = ["--run-dir", vm.runDir, "completion", "words", ...words];
  assertMatch((await cli(args)).out, /^0\t/m);
});

Deno.test("DISK may be a path that leads to the same file, NIC a MAC", async () => {
  await using vm = new Instance();
  const added = await vm.cli("disk", "add", NAME, vm.image("new.img"));
  const { uuid } = added.json.device as Doc;
  const hard = `${vm.runDir}/hard.img`;
  const soft = `${vm.runDir}/soft.img`;
  Deno.linkSync(`${vm.runDir}/new.img`, hard);
  Deno.symlinkSync("new.img", soft);
  for (const path of [`${vm.runDir}/new.img`, hard, soft]) {
    const ran = await vm.cli("disk", "remove", NAME, path, "--dry-run");
    assertEquals([ran.status, (ran.json.device as Doc)?.uuid], [0, uuid]);
  }
  const { mac } = NIC;
  const nic = await vm.cli("nic", "remove", NAME, mac.toUpperCase());
  assertEquals([nic.status, (nic.json.device as Doc).id], [0, NIC.id]);
  const disk = await vm.cli("disk", "remove", NAME, soft);
  assertEquals([disk.status, disk.json.changed], [0, true]);
  // It is no full uuid or id: that it is not there is no success.
  for (
    const words of [["disk", soft], ["disk", "nbd:h:1"], ["nic", mac]]
  ) {
    const [kind = "", word = ""] = words;
    const ran = await vm.cli(kind, "remove", NAME, word);
    const { hint } = assertFailed(ran, 3, "no-such-device");
    assertMatch(hint ?? "", /^to see its devices, run: kvm-hotplug list /);
  }
});

Deno.test("DISK may be a URI, and a path that several disks have is refused", async () => {
  await using vm = new Instance();
  const path = `${vm.runDir}/started.img`;
  const [command, nics, hvparams, [first]] = vm.runtime;
  const other = crypto.randomUUID();
  const [remote, nowhere] = diskEntry(other, "disk-remote");
  const disks = [
    first,
    diskEntry(NEW, NEW_DISK, { link: path }),
    [remote, nowhere, "rbd:pool/image"],
  ];
  const file = JSON.stringify([command, nics, hvparams, disks]);
  Deno.writeTextFileSync(vm.runtimePath, file);
  const ran = await vm.cli("disk", "remove", NAME, path);
  assertFailed(ran, 3, "ambiguous-device");
  // A path that leads nowhere means the disk that is recorded with it.
  for (const word of ["rbd:pool/image", String(nowhere)]) {
    const ran = await vm.cli("disk", "remove", NAME, word, "--dry-run");
    assertEquals((ran.json.device as Doc)?.uuid, other, ran.out);
  }
});
