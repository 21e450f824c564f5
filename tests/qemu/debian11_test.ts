/** The executable on a node with the C library of Debian 11, glibc 2.31. */
import { assertEquals, assertMatch } from "@std/assert";
import { dirname } from "@std/path";
import { VERSION } from "../../lib/version.ts";
import { ensureDebian11 } from "../../tools/guest/debian11.ts";
import { run } from "../../tools/guest/run.ts";
import { eachRelease, host, makeImage } from "../lab/each_release.ts";
import { OtherRoot } from "../lab/other_root.ts";
import { interfaces, snapshot } from "../lab/snapshot.ts";
import { EXECUTABLE, toolBy } from "../lab/tool.ts";

const folder = await ensureDebian11("node", console.error).catch((error) => {
  console.error(`${error}`);
});

const DISK = "d0000001-1111-4111-8111-000000000001";
const NIC = "a0000001-1111-4111-8111-000000000001";
const MAC = "aa:00:00:00:00:01";
const MARKER = "written-by-host";
const READ = "dd if=/dev/vda bs=15 count=1 2>/dev/null";

/** A bridge of this node, until it is disposed. */
async function testBridge() {
  const name = `kh-d${Deno.pid % 100_000}`;
  await host("ip", "link", "add", name, "type", "bridge");
  await host("ip", "link", "set", name, "up");
  return {
    name,
    async [Symbol.asyncDispose]() {
      await host("ip", "link", "delete", name);
    },
  };
}

eachRelease("the executable in a Debian 11 root", async (vm, t) => {
  if (folder === undefined) return;
  const shared = [vm.runDir, dirname(EXECUTABLE)];
  await using root = await OtherRoot.enter(folder, shared);
  const there = toolBy(root.command(EXECUTABLE));
  const image = `${vm.runDir}/d1.img`;
  await makeImage(image, MARKER);
  await using bridge = await testBridge();
  const before = await snapshot(vm);

  await t.step("it is glibc 2.31, and starts", async () => {
    const [nsenter = "", ...ldd] = root.command("/usr/bin/ldd");
    assertMatch(await run(nsenter, [...ldd, "--version"]), / 2\.31\n/);
    const [, ...args] = root.command(EXECUTABLE);
    const said = await run(nsenter, [...args, "--version"]);
    assertEquals(said, `kvm-hotplug ${VERSION}\n`);
  });

  await t.step("list and check", async () => {
    const list = await there(vm, "list");
    assertEquals([list.stderr, list.status], ["", 0]);
    assertEquals(list.json.instances[0].instance, vm.name);
    const check = await there(vm, "check", vm.name);
    assertEquals([check.status, check.json.supported], [0, true], check.stdout);
    assertEquals(await snapshot(vm), before);
  });

  await t.step("a disk goes in, is used, and goes out", async () => {
    const add = await there(
      ...[vm, "disk", "add", vm.name, image, "--uuid", DISK] as const,
    );
    assertEquals([add.stderr, add.status], ["", 0], add.stdout);
    assertEquals(add.json.device.via, "fdset");
    await vm.waitGuest("test -b /dev/vda");
    assertEquals((await vm.guest(READ)).output, MARKER);
    const remove = await there(vm, "disk", "remove", vm.name, DISK);
    assertEquals([remove.stderr, remove.status], ["", 0], remove.stdout);
    assertEquals(await snapshot(vm), before);
  });

  await t.step("a NIC goes in, onto a bridge, and goes out", async () => {
    const add = await there(
      ...[vm, "nic", "add", vm.name, "--uuid", NIC] as const,
      ...["--mac", MAC, "--link", bridge.name],
    );
    assertEquals([add.stderr, add.status], ["", 0], add.stdout);
    const { tap } = add.json.device;
    const link = await host("ip", "link", "show", "master", bridge.name);
    assertMatch(link, new RegExp(`\\b${tap}:`));
    await vm.waitGuest(`grep -qi ${MAC} /sys/class/net/*/address`);
    const remove = await there(vm, "nic", "remove", vm.name, NIC);
    assertEquals([remove.stderr, remove.status], ["", 0], remove.stdout);
    assertEquals(interfaces().includes(tap), false);
    assertEquals(await snapshot(vm), before);
  });
}, { leftOut: folder === undefined ? "it needs a Debian 11 root" : undefined });
