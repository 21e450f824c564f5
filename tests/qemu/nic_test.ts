/** A NIC into and out of a real guest, by the built executable. */
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, host } from "../lab/each_release.ts";
import { interfaces, keptFdNames, snapshot } from "../lab/snapshot.ts";
import { EXECUTABLE, tool, toolBy } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const UUID = "a0000001-1111-4111-8111-000000000001";
const MAC = "aa:00:00:00:00:01";

/** Waits until the guest has an interface with this MAC. */
async function waitMac(vm: Vm, mac: string) {
  await vm.waitGuest(`grep -qi ${mac} /sys/class/net/*/address`);
}

function nicFile(vm: Vm, seq: number): Promise<string> {
  return Deno.readTextFile(`${vm.layout.nic}/${seq}`);
}

eachRelease("nic add and remove, mode none", async (vm, t) => {
  const before = await snapshot(vm);

  await t.step("the guest sees the NIC with its MAC", async () => {
    const add = await tool(
      vm,
      ...["nic", "add", vm.name, "--uuid", UUID, "--mac", MAC],
    );
    assertEquals(add.stderr, "");
    assertEquals(add.status, 0);
    const { device } = add.json;
    assertEquals(device.id, "nic-a0000001-1111-4111");
    assertEquals([device.mac, device.mode, device.queues], [MAC, "none", 1]);
    assertEquals(interfaces().includes(device.tap), true);
    assertEquals(await nicFile(vm, 0), device.tap);
    await waitMac(vm, MAC);
    const slots = await vm.guest("ls /sys/bus/pci/devices");
    assertMatch(slots.output, /0000:00:0c\.0/);
  });

  await t.step(
    "the tap has virtio-net headers and ends with QEMU",
    async () => {
      const { json } = await tool(vm, "list", vm.name);
      const { tap, status } = json.devices[0];
      assertEquals(status, "ok");
      const details = await host("ip", "-d", "link", "show", tap);
      assertMatch(details, /vnet_hdr on persist off/);
    },
  );

  await t.step("repeated, it changes nothing and says so", async () => {
    const now = await snapshot(vm);
    const { json: { devices: [{ tap }] } } = await tool(vm, "list", vm.name);
    const given = ["--mode", "none", "--queues", "1", "--no-vhost"];
    const more = ["--tap", tap, "--slot", "12", "--link-state", "up"];
    const requests = [["--uuid", UUID], ["--mac", MAC]];
    requests.push(["--mac", MAC, "--uuid", UUID, ...given, ...more]);
    for (const words of requests) {
      const again = await tool(vm, "nic", "add", vm.name, ...words);
      assertEquals(
        [again.status, again.json.changed],
        [0, false],
        again.stdout,
      );
      assertEquals(again.json.device.uuid, UUID);
    }
    const other = ["--no-vnet-hdr", "--queues", "2", "--link-state", "down"];
    const words = ["--mac", MAC, ...other, "--name", "b", "--driver", "e1000"];
    const differs = await tool(vm, "nic", "add", vm.name, ...words);
    const { code, message, device } = differs.json.error;
    assertEquals([differs.status, code], [3, "duplicate"]);
    assertEquals(device.uuid, UUID);
    assertEquals(
      message.split(", but differs: ")[1],
      "--driver is virtio-net-pci (asked: e1000), --queues is 1 (asked: 2), --no-vnet-hdr is no (asked: yes), --link-state is up (asked: down), --name is none (asked: b)",
    );
    assertEquals(await snapshot(vm), now);
  });

  await t.step("a QEMU without descriptors left is told of", async () => {
    const open = [...Deno.readDirSync(`/proc/${vm.pid}/fd`)].length;
    const limit = (count: number) =>
      host("prlimit", "--pid", `${vm.pid}`, `--nofile=${count}:`);
    const now = await snapshot(vm);
    const refused = new Set<string>();
    for (let more = 1;; more++) {
      await limit(open + more);
      const { status, json } = await tool(vm, "nic", "add", vm.name);
      if (status === 0) break;
      assertEquals([status, json.changed], [5, false], `${more}`);
      // QEMU itself blames an option ROM, or says that no fd came.
      const told = `of ${open + more} file .* --pid ${vm.pid} `;
      assertMatch(json.error.hint, new RegExp(told));
      refused.add(json.error.qmp.command);
      assertEquals(await snapshot(vm), now);
    }
    assertEquals(refused.has("device_add"), true, [...refused].join());
    await limit(1024);
    assertEquals((await tool(vm, "nic", "remove", vm.name, "-1")).status, 0);
  });

  await t.step("removed, all is as before", async () => {
    const remove = await tool(vm, "nic", "remove", vm.name, "a0000001");
    assertEquals(remove.stderr, "");
    assertEquals(remove.status, 0);
    const mac = `grep -qi ${MAC} /sys/class/net/*/address`;
    assertEquals((await vm.guest(mac)).status, 1);
    assertEquals(await snapshot(vm), before);
    assertEquals(await keptFdNames(vm, ["nic-a0000001-1111-4111-0"]), []);
  });
});

eachRelease("nic add joins a bridge and packets pass", async (vm) => {
  // Named by the VM's pid, so that files run side by side do not meet.
  const bridge = `kh-br${vm.pid % 100_000}`;
  const tap = `kh-tap${vm.pid % 100_000}`;
  await host("ip", "link", "add", bridge, "type", "bridge");
  try {
    await host("ip", "link", "set", bridge, "mtu", "1400", "up");
    await host("ip", "addr", "add", "198.51.100.1/24", "dev", bridge);
    const before = await snapshot(vm);
    const add = await tool(
      vm,
      ...["nic", "add", vm.name, "--link", bridge, "--tap", tap],
      ...["--mac", MAC],
    );
    assertEquals(add.stderr, "");
    assertEquals(add.json.device.tap, tap);
    const details = await host("ip", "link", "show", tap);
    assertMatch(details, new RegExp(`mtu 1400 .*master ${bridge}`));
    assertMatch(details, /link\/ether fe:/);
    // As a master that lost the answer does, and one that means another link.
    const same = ["nic", "add", vm.name, "--mac", MAC, "--tap", tap];
    const again = await tool(vm, ...same, "--link", bridge);
    assertEquals([again.status, again.json.changed], [0, false], again.stdout);
    const other = await tool(vm, ...same, "--link", "kh-other");
    assertMatch(other.json.error.message, /--link is .* \(asked: kh-other\)$/);
    await waitMac(vm, MAC);
    await vm.waitGuest(
      "ip link set eth0 up && ip addr add 198.51.100.2/24 dev eth0",
    );
    await vm.waitGuest("ping -c 1 -W 2 198.51.100.1");
    const remove = await tool(vm, "nic", "remove", vm.name, "0");
    assertEquals([remove.stderr, remove.status], ["", 0]);
    assertEquals(await snapshot(vm), before);
  } finally {
    await host("ip", "link", "del", bridge);
  }
});

eachRelease("a NIC has its own MTU and rates", async (vm, t) => {
  const bridge = `kh-mt${vm.pid % 100_000}`;
  const rateOf = async (tap: string) =>
    (JSON.parse(await host("tc", "-j", "qdisc", "show", "dev", tap)) as {
      kind: string;
      options: { rate?: number };
    }[]).find(({ kind }) => kind === "tbf")?.options.rate;
  const mtuOf = (tap: string) =>
    Deno.readTextFile(`/sys/class/net/${tap}/mtu`).then(Number);
  const guestMtu = async () =>
    (await vm.guest("cat /sys/class/net/eth0/mtu")).output.trim();
  const device = async () => (await tool(vm, "list", vm.name)).json.devices[0];
  await host("ip", "link", "add", bridge, "type", "bridge");
  try {
    await host("ip", "link", "set", bridge, "mtu", "1500", "up");
    await host("ip", "addr", "add", "198.51.100.1/24", "dev", bridge);
    // As this test writes it later.
    const first = JSON.parse(await Deno.readTextFile(vm.runtimePath));
    await Deno.writeTextFile(vm.runtimePath, JSON.stringify(first));
    const before = await snapshot(vm);
    const words = [
      ...["nic", "add", vm.name, "--link", bridge, "--mac", MAC],
      ...["--uuid", UUID, "--mtu", "1400", "--rate-in", "64k"],
    ];

    await t.step("the guest is told the MTU, the tap has both", async () => {
      const { status, json, stdout } = await tool(vm, ...words);
      assertEquals([status, json.changed], [0, true], stdout);
      const { tap, mtu, rate } = json.device;
      assertEquals([mtu, rate], [1400, { in: 65536 }]);
      const codes = json.warnings.map(({ code }: { code: string }) => code);
      assertEquals(codes, ["bridge-mtu", "until-stop", "until-qemu-ends"]);
      assertEquals([await mtuOf(tap), await rateOf(tap)], [1400, 65536]);
      await waitMac(vm, MAC);
      await vm.waitGuest("test -e /sys/class/net/eth0");
      assertEquals(await guestMtu(), "1400");
      const [, nics] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
      assertEquals(nics[0].hvinfo.host_mtu, 1400);
    });

    await t.step("list, a start and a repetition tell them", async () => {
      const { status, mtu, rate } = await device();
      assertEquals([status, mtu, rate], ["ok", 1400, { in: 65536 }]);
      const { json } = await tool(vm, "state", "command", vm.name);
      assertMatch(json.command.join(" "), /,host_mtu=1400,/);
      const again = await tool(vm, ...words);
      assertEquals([again.status, again.json.changed], [0, false]);
      const other = await tool(vm, ...words.slice(0, -4), "--mtu", "9000");
      assertMatch(other.json.error.message, /--mtu is 1400 \(asked: 9000\)/);
    });

    await t.step("adopt reads MTU and rate from QEMU and the tap", async () => {
      // No note of ours tells the rate.
      await Deno.remove(`${vm.runDir}/kvm-hotplug/${vm.name}.json`);
      const tuple = JSON.parse(await Deno.readTextFile(vm.runtimePath));
      const text = JSON.stringify(tuple.with(1, []));
      await Deno.writeTextFile(vm.runtimePath, text);
      const { status, stdout } = await tool(
        vm,
        ...["adopt", vm.name, "--uuid", UUID],
      );
      assertEquals(status, 0, stdout);
      const [, nics] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
      assertEquals(nics[0].hvinfo.host_mtu, 1400);
      const { mtu, rate, status: state } = await device();
      assertEquals([mtu, rate, state], [1400, { in: 65536 }, "ok"]);
    });

    await t.step("packets come no faster", async () => {
      await vm.waitGuest(
        "ip link set eth0 up && ip addr add 198.51.100.2/24 dev eth0",
      );
      await vm.waitGuest("ping -c 1 -W 2 198.51.100.1");
      const server = Deno.serve(
        { hostname: "198.51.100.1", port: 0, onListen: () => {} },
        () => new Response(new Uint8Array(512 * 1024)),
      );
      const begin = performance.now();
      const got = await vm.guest(
        `wget -q -O - http://198.51.100.1:${server.addr.port}/ | wc -c`,
      );
      const seconds = (performance.now() - begin) / 1000;
      await server.shutdown();
      assertEquals(got.output.trim(), `${512 * 1024}`);
      // 512 KiB at 64 KiB a second, of which 256 KiB may come at once.
      assertEquals(seconds > 3, true, `${seconds} s`);
    });

    await t.step("the rate is changed in place", async () => {
      const { tap } = await device();
      const modify = (...more: string[]) =>
        tool(vm, "nic", "modify", vm.name, "0", ...more);
      const faster = await modify("--rate-in", "1M");
      assertEquals([faster.status, faster.json.changed], [0, true]);
      assertEquals([faster.json.device.tap, await rateOf(tap)], [tap, 2 ** 20]);
      assertEquals((await modify("--rate-in", "1M")).json.changed, false);
      for (const program of ["/bin/false", "/dev/null"]) {
        const place = `mount --bind ${program} $(command -v tc) && exec "$@"`;
        const withoutTc = toolBy([
          ...["unshare", "--mount", "sh", "-c", place, "sh", EXECUTABLE],
        ]);
        const listed = await withoutTc(vm, "list", vm.name);
        assertEquals(listed.json.devices[0].status, "ok", listed.stdout);
        const down = await withoutTc(
          vm,
          ...["nic", "modify", vm.name, "0", "--link-state", "down"],
        );
        assertEquals([down.status, down.stderr], [0, ""], down.stdout);
        const none = await withoutTc(
          vm,
          ...["nic", "modify", vm.name, "0", "--rate-in", "0"],
        );
        assertEquals(none.json.error.code, "unsupported", none.stdout);
        assertEquals(await rateOf(tap), 2 ** 20);
      }
      assertEquals((await modify("--link-state", "up")).status, 0);
      await host("tc", "qdisc", "del", "dev", tap, "root");
      const { status, differences: [found] } = await device();
      assertEquals([status, found.code], ["differs", "tap-settings"]);
      assertEquals((await modify("--rate-in", "1M")).status, 0);
      assertEquals([await rateOf(tap), (await device()).status], [
        2 ** 20,
        "ok",
      ]);
    });

    await t.step("another MTU needs a new card, which keeps all", async () => {
      const { status, json, stdout } = await tool(
        vm,
        ...["nic", "modify", vm.name, "0", "--mtu", "1300"],
      );
      assertEquals([status, json.changed], [0, true], stdout);
      const { tap, status: state, mtu } = await device();
      assertEquals([mtu, state], [1300, "ok"]);
      assertEquals([await mtuOf(tap), await rateOf(tap)], [1300, 2 ** 20]);
      await waitMac(vm, MAC);
      await vm.waitGuest("test -e /sys/class/net/eth0");
      assertEquals(await guestMtu(), "1300");
      const none = await tool(
        vm,
        ...["nic", "modify", vm.name, "0", "--rate", "0", "--mtu", "none"],
      );
      assertEquals([none.status, none.json.changed], [0, true], none.stdout);
      const plain = await device();
      assertEquals([plain.mtu, plain.rate, plain.status], [null, null, "ok"]);
      assertEquals(await rateOf(plain.tap), undefined);
    });

    await t.step("another driver drops what it does not have", async () => {
      const modify = (...more: string[]) =>
        tool(vm, "nic", "modify", vm.name, "0", ...more);
      const codesOf = ({ warnings }: { warnings: { code: string }[] }) =>
        warnings.map(({ code }) => code);
      const set = await modify("--mtu", "1400", "--rate-in", "2M");
      assertEquals([set.status, set.json.changed], [0, true], set.stdout);
      const other = await modify("--driver", "e1000");
      assertEquals(other.status, 0, other.stdout);
      assertEquals(codesOf(other.json), [
        ...["nic-replaced", "not-migratable"],
        ...["guest-not-told", "property-dropped"],
      ]);
      const [, nics] = JSON.parse(await Deno.readTextFile(vm.runtimePath));
      assertEquals(["host_mtu" in nics[0].hvinfo, nics[0].hvinfo.driver], [
        ...[false, "e1000"],
      ]);
      // The tap keeps both; the card has no property for the guest to read.
      const { tap, mtu, rate, status } = await device();
      assertEquals([mtu, rate, status], [1400, { in: 2 ** 21 }, "ok"]);
      assertEquals([await mtuOf(tap), await rateOf(tap)], [1400, 2 ** 21]);
      const { json } = await tool(vm, "state", "command", vm.name);
      assertEquals(json.command.join(" ").includes("host_mtu"), false);
      const lower = await modify("--mtu", "1300");
      assertEquals(codesOf(lower.json).includes("guest-not-told"), true);
      assertEquals([lower.json.device.tap, await mtuOf(tap)], [tap, 1300]);
      // A virtio card tells its guest again.
      const back = await modify("--driver", "virtio-net-pci");
      assertEquals(back.status, 0, back.stdout);
      await vm.waitGuest("test -e /sys/class/net/eth0");
      assertEquals([await guestMtu(), (await device()).status], ["1300", "ok"]);
      const none = await modify("--rate", "0", "--mtu", "none");
      assertEquals([none.status, none.json.changed], [0, true], none.stdout);
    });

    await t.step("a kernel without a policer is told of", async () => {
      const now = await snapshot(vm);
      const { status, json } = await tool(
        vm,
        ...["nic", "add", vm.name, "--link", bridge, "--rate-out", "1M"],
      );
      if (status === 0) {
        assertEquals(json.device.rate, { out: 2 ** 20 });
        await tool(vm, "nic", "remove", vm.name, "-1");
      } else {
        assertEquals([status, json.error.code], [3, "unsupported"]);
        assertMatch(json.error.message, /policer/);
      }
      assertEquals(await snapshot(vm), now);
    });

    await tool(vm, "nic", "remove", vm.name, "0");
    assertEquals(await snapshot(vm), before);
  } finally {
    await host("ip", "link", "del", bridge);
  }
});

eachRelease("NIC files stay true to the order of the NICs", async (vm) => {
  const taps: string[] = [];
  for (let i = 0; i < 3; i++) {
    const { json } = await tool(vm, "nic", "add", vm.name);
    taps.push(json.device.tap);
  }
  const middle = await tool(vm, "nic", "remove", vm.name, "1");
  assertEquals(middle.status, 0);
  assertEquals(await nicFile(vm, 0), taps[0]);
  assertEquals(await nicFile(vm, 1), taps[2]);
  const { json } = await tool(vm, "nic", "add", vm.name);
  assertEquals(await nicFile(vm, 2), json.device.tap);
  assertEquals(await nicFile(vm, 1), taps[2]);
  for (let i = 0; i < 3; i++) {
    assertEquals((await tool(vm, "nic", "remove", vm.name, "-1")).status, 0);
  }
  assertEquals([...Deno.readDirSync(vm.layout.nic)], []);
});
