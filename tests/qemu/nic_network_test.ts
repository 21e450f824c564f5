/**
 * What a NIC's tap hangs on besides a bridge: a route, a script of the user's,
 * Ganeti's own script; and Ganeti's networks.
 */
import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { eachRelease, host } from "../lab/each_release.ts";
import { refusing } from "./nic_failures.ts";
import type { Doc } from "../lab/noded.ts";
import { rpcOnce } from "../lab/rpc_once.ts";
import { interfaces, snapshot } from "../lab/snapshot.ts";
import { tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const UUID = "a0000001-1111-4111-8111-000000000001";
const MAC = "aa:00:00:00:00:01";
const OTHER_MAC = "aa:00:00:00:00:02";
/** Of this node, and of the guest. */
const HERE = "198.51.100.1";
const GUEST = "198.51.100.9";

async function done(vm: Vm, ...words: readonly string[]) {
  const [verb = "", ...more] = words;
  const ran = await tool(vm, "nic", verb, vm.name, ...more);
  assertEquals([ran.status, ran.json?.ok], [0, true], ran.stdout + ran.stderr);
  return ran.json;
}

async function configure(vm: Vm, mac: string, prefix: number): Promise<void> {
  await vm.waitGuest(
    `grep -qi ${mac} /sys/class/net/eth0/address && ip link set eth0 up && ` +
      `ip addr replace ${GUEST}/${prefix} dev eth0 && ` +
      `ip route replace ${HERE} dev eth0`,
  );
}

async function answers(vm: Vm): Promise<void> {
  await vm.waitGuest(`ping -c 1 -W 1 ${HERE}`);
}

async function withBridge(
  vm: Vm,
  body: (bridge: string) => Promise<void>,
): Promise<void> {
  const bridge = `khn${vm.pid % 100_000}`;
  // Of its own: else it is that of a port, and changes with it.
  const address = ["address", "02:00:00:00:00:01"];
  await host("ip", "link", "add", bridge, ...address, "type", "bridge");
  try {
    await host("ip", "link", "set", bridge, "mtu", "1400", "up");
    await host("ip", "addr", "add", `${HERE}/26`, "dev", bridge);
    await body(bridge);
  } finally {
    await host("ip", "link", "del", bridge);
  }
}

/** All that a route needs, without what the kernel adds by itself. */
async function routes(): Promise<string[]> {
  const shown = [
    await host("ip", "-4", "rule", "show"),
    await host("ip", "-4", "route", "show", "table", "all", "proto", "static"),
  ].join("\n");
  return shown.split("\n").map((line) => line.trim().replace(/^\d+:\s+/, ""))
    .filter((line) => / (?:iif|dev) tap/.test(line));
}

async function setting(version: string, tap: string, name: string) {
  const path = `/proc/sys/net/${version}/conf/${tap}/${name}`;
  return (await Deno.readTextFile(path)).trim();
}

eachRelease("a routed NIC, another address, a replug", async (vm, t) => {
  await host("ip", "addr", "add", `${HERE}/32`, "dev", "lo");
  const before = [await snapshot(vm), await routes()];

  await t.step("the guest reaches the node by its table", async () => {
    const words = ["--mode", "routed", "--ip", GUEST, "--link", "100"];
    const nic = [...words, "--uuid", UUID, "--mac", MAC, "--tap", "tapr"];
    await done(vm, "add", ...nic);
    assertEquals(await routes(), [
      "from all iif tapr lookup 100",
      `${GUEST} dev tapr table 100 scope link`,
    ]);
    for (const name of ["proxy_arp", "forwarding"]) {
      assertEquals(await setting("ipv4", "tapr", name), "1");
    }
    for (const name of ["proxy_ndp", "forwarding"]) {
      assertEquals(await setting("ipv6", "tapr", name), "1");
    }
    // What the node itself sends goes by the main table.
    await host("ip", "route", "add", GUEST, "dev", "tapr");
    await configure(vm, MAC, 32);
    await answers(vm);
  });

  await t.step("a refused replug puts route and rule back", async () => {
    const now = await routes();
    const words = ["modify", vm.name, "0", "--mac", OTHER_MAC];
    const ran = await refusing(
      vm,
      "device_add",
      () => tool(vm, "nic", ...words),
    );
    assertEquals(ran.status, 5, ran.stdout);
    assertEquals(await routes(), now);
    assertEquals(await setting("ipv4", "tapr", "proxy_arp"), "1");
    await host("ip", "route", "replace", GUEST, "dev", "tapr");
    await configure(vm, MAC, 32);
    await answers(vm);
  });

  await t.step("a replug takes the route along", async () => {
    const words = ["0", "--mac", OTHER_MAC, "--tap", "tapq"];
    await done(vm, "modify", ...words, "--ip", "198.51.100.10");
    assertEquals(await routes(), [
      "from all iif tapq lookup 100",
      "198.51.100.10 dev tapq table 100 scope link",
    ]);
  });

  await t.step("removed, nothing of it is left", async () => {
    await done(vm, "remove", "0");
    assertEquals([await snapshot(vm), await routes()], before);
  });
  await host("ip", "addr", "del", `${HERE}/32`, "dev", "lo");
});

/** A script that joins the tap to its bridge and tells what it was told. */
async function makeScript(vm: Vm): Promise<{ script: string; told: string }> {
  const [script, told] = [`${vm.runDir}/join`, `${vm.runDir}/told`];
  await Deno.writeTextFile(
    script,
    `#!/bin/sh
{ echo "$#=$1"; pwd; readlink /proc/self/fd/0; env | sort; } > ${told}
ip link set "$1" master $LINK up || exit 4
`,
    { mode: 0o755 },
  );
  return { script, told };
}

/** What the script was told, without what this process has in any case. */
async function toldIn(file: string): Promise<string[]> {
  const own = new Set(Object.keys(Deno.env.toObject()));
  const lines = (await Deno.readTextFile(file)).trim().split("\n");
  await Deno.remove(file);
  return lines.filter((line) => {
    const [name = ""] = line.split("=");
    return !own.has(name) && !["PWD", "_", "SHLVL", "OLDPWD"].includes(name);
  });
}

eachRelease("a NIC joined by a script of the user's", async (vm, t) => {
  await withBridge(vm, async (bridge) => {
    const { script, told } = await makeScript(vm);

    await t.step("it is called as Ganeti calls its own", async () => {
      const nic = ["--link", bridge, "--uuid", UUID, "--mac", MAC];
      const more = ["--name", "front", "--vlan", ".5", "--ip", GUEST];
      await done(vm, "add", ...nic, ...more, "--script", script, "--tap", "ta");
      assertEquals(await toldIn(told), [
        ...["1=ta", "/", "/dev/null", "ACTION=up", `BRIDGE=${bridge}`],
        ...[`INSTANCE=${vm.name}`, "INTERFACE=ta", "INTERFACE_INDEX=0"],
        ...["INTERFACE_NAME=front", `INTERFACE_UUID=${UUID}`, `IP=${GUEST}`],
        ...[`KVM_HOTPLUG_RUN_DIR=${vm.runDir}`, "LC_ALL=C"],
        ...[`LINK=${bridge}`, `MAC=${MAC}`, "MODE=bridged", "TAGS=", "VLAN=.5"],
      ]);
      await configure(vm, MAC, 26);
      await answers(vm);
    });

    await t.step("it is kept: in place, over replug and refusal", async () => {
      await done(vm, "modify", "0", "--ip", "198.51.100.8");
      assertEquals((await toldIn(told)).includes("IP=198.51.100.8"), true);
      const words = ["nic", "modify", vm.name, "0", "--mac", OTHER_MAC];
      const ran = await refusing(vm, "device_add", () => tool(vm, ...words));
      assertEquals(ran.status, 5, ran.stdout);
      assertEquals((await toldIn(told))[0], "1=ta");
      await configure(vm, MAC, 26);
      await answers(vm);
      await done(vm, "modify", "0", "--mac", OTHER_MAC, "--tap", "tb");
      assertEquals((await toldIn(told))[0], "1=tb");
      await configure(vm, OTHER_MAC, 26);
      await answers(vm);
    });

    await t.step("its words are in the error when it fails", async () => {
      await Deno.writeTextFile(
        script,
        "#!/bin/sh\necho said; echo no >&2\nexit 3",
      );
      const now = interfaces();
      const words = ["nic", "add", vm.name, "--link", bridge];
      const ran = await tool(vm, ...words, "--script", script);
      assertEquals([ran.status, ran.json.error.code], [5, "host-error"]);
      assertMatch(ran.json.error.message, /exit code 3\): said; no$/);
      assertEquals(interfaces(), now);
      await answers(vm);
    });

    await t.step("without it: as this node does it itself", async () => {
      await done(vm, "modify", "0", "--script", "none", "--vlan", "none");
      const details = await host("ip", "-d", "link", "show", "tb");
      assertMatch(details, new RegExp(`mtu 1400 .*master ${bridge}`));
      assertMatch(details, /link\/ether fe:/);
      await answers(vm);
      await done(vm, "remove", "0");
    });
  });
});

async function writeScript(path: string, text: string): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, text, { mode: 0o755 });
}

/** Puts files over the system's, for this test process alone. */
async function withSystemFiles(
  vm: Vm,
  files: Readonly<Record<string, string>>,
  body: () => Promise<void>,
): Promise<void> {
  const folder = `${vm.runDir}/over`;
  await Deno.mkdir(folder);
  await host("mount", "-t", "tmpfs", "over", folder);
  const mounted: string[] = [];
  const overlay = async (lower: string, name: string) => {
    const [upper, work] = ["up", "w"].map((one) => `${folder}/${name}/${one}`);
    await Deno.mkdir(`${upper}/ganeti`, { recursive: true });
    await Deno.mkdir(work ?? "");
    const layers = `lowerdir=${lower},upperdir=${upper},workdir=${work}`;
    await host("mount", "-t", "overlay", "over", "-o", layers, lower);
    mounted.push(lower);
  };
  try {
    await overlay("/usr/lib", "lib");
    await overlay("/etc", "etc");
    for (const [name, text] of Object.entries(files)) {
      await writeScript(`/usr/lib/ganeti/${name}`, text);
    }
    await body();
  } finally {
    for (const one of mounted) await host("umount", "--lazy", one);
    await host("umount", "--lazy", folder);
  }
}

const IFUP = `#!/bin/sh
echo "up $1 $MODE $LINK $TAGS $VLAN $NETWORK_NAME" >> /usr/lib/ganeti/log
ip link set "$1" master $LINK up`;
const IFDOWN = `#!/bin/sh
echo "down $1 $MODE $LINK $NETWORK_NAME" >> /usr/lib/ganeti/log
if [ -e /usr/lib/ganeti/refuses ]; then echo cannot; exit 1; fi`;

/** That of the next Ganeti knows each mode by a script. */
const NIC_SETUP = `#!/bin/sh
for folder in /etc/ganeti/network /usr/lib/ganeti/network; do
  [ -x $folder/$MODE/$ACTION ] && exec $folder/$MODE/$ACTION "$@"
done
[ $ACTION = down ]`;
const EXT_UP = `#!/bin/sh
ip link set "$INTERFACE" master $LINK up`;

const NETWORK = "5f5c6f1e-2c3a-4a25-9d2b-6b8a1f3b9c10";
const NETINFO = {
  name: "net1",
  serial_no: 3,
  mac_prefix: "aa:00:77",
  network: "198.51.100.0/26",
  gateway: HERE,
  reservations: "0".repeat(64),
  uuid: NETWORK,
  tags: ["prod"],
};

eachRelease("Ganeti's own script, and its networks", async (vm, t) => {
  const scripts = { "kvm-ifup": IFUP, "kvm-ifdown": IFDOWN, log: "" };
  await withBridge(vm, async (bridge) => {
    await withSystemFiles(vm, scripts, async () => {
      const log = async () => {
        const lines = await Deno.readTextFile("/usr/lib/ganeti/log");
        await Deno.writeTextFile("/usr/lib/ganeti/log", "");
        return lines.trim().split("\n").map((line) => line.trim());
      };
      const hotplug = async (action: string, nic: unknown) => {
        const params = {
          instance: { name: vm.name, hypervisor: "kvm", tags: ["t1", "t2:x"] },
          ...{ action, dev_type: "nic", device: nic, extra: null, seq: 0 },
        };
        const answer = await rpcOnce(vm, "hotplug_device", params);
        assertEquals(
          answer.result?.ganeti,
          [true, null],
          JSON.stringify(answer),
        );
      };
      const nic = (mac: string) => ({
        ...{ mac, ip: GUEST, network: NETWORK },
        nicparams: { mode: "bridged", link: bridge, vlan: "" },
        ...{ netinfo: NETINFO, uuid: UUID },
      });

      await t.step("hotadd and hotmod of a master's", async () => {
        await hotplug("hotadd", nic(MAC));
        const told = `${bridge} t1 t2:x  net1`;
        assertEquals(await log(), [`up tap0 bridged ${told}`]);
        await configure(vm, MAC, 26);
        await answers(vm);
        const place = "readlink -f /sys/class/net/eth0/device";
        const device = (path: string) => path.split("/").slice(0, -1);
        const was = device((await vm.guest(place)).output);
        await hotplug("hotmod", nic(OTHER_MAC));
        assertEquals(await log(), [
          `up tap1 bridged ${told}`,
          `down tap0 bridged ${bridge} net1`,
        ]);
        await configure(vm, OTHER_MAC, 26);
        await answers(vm);
        assertEquals(device((await vm.guest(place)).output), was);
        const [entry] = JSON.parse(await Deno.readTextFile(vm.runtimePath))[1];
        const { hvinfo: _, ...rest } = entry;
        assertEquals(rest, nic(OTHER_MAC));
      });

      await t.step("another NIC on the network of this one", async () => {
        const { device } = await done(vm, "add", "--network", "net1");
        assertEquals([device.mode, device.link], ["bridged", bridge]);
        assertMatch(device.mac, /^aa:00:77:/);
        const { hvinfo: _, uuid: _u, mac: _m, ...entry } = JSON.parse(
          await Deno.readTextFile(vm.runtimePath),
        )[1][1];
        assertEquals(entry, {
          network: NETWORK,
          nicparams: { mode: "bridged", link: bridge, vlan: "" },
          netinfo: NETINFO,
        });
        assertMatch((await log()).join(), / net1$/);
        const none = await tool(vm, "nic", "add", vm.name, "--network", "net2");
        assertEquals([none.status, none.json.error.code], [3, "refused"]);
      });

      await t.step("what a failing ifdown leaves is told", async () => {
        await Deno.writeTextFile("/usr/lib/ganeti/refuses", "");
        const { warnings } = await done(vm, "remove", "0");
        assertMatch(saidIn(warnings), /kvm-ifdown tap1 failed .*: cannot/);
        const { json } = await tool(vm, "list", vm.name);
        assertEquals([json.devices.length, json.warnings], [1, []]);
      });

      await t.step("modes that only scripts know", async () => {
        await Deno.remove("/usr/lib/ganeti/refuses");
        await writeScript("/usr/lib/ganeti/kvm-nic-setup", NIC_SETUP);
        const add = async (...words: string[]) =>
          await tool(vm, "nic", "add", vm.name, "--mode", "none", ...words);
        const refused = await add();
        assertEquals([refused.status, refused.json.error.code], [3, "refused"]);
        assertMatch(refused.json.error.hint, /network\/none\/up.*migratable/);
        const told = await add("--not-migratable");
        const codes = told.json.warnings.map(({ code }: Doc) => code);
        assertEquals([told.status, codes], [0, ["not-migratable"]]);
        await done(vm, "remove", told.json.device.uuid);
        await writeScript("/usr/lib/ganeti/network/none/up", "#!/bin/sh");
        const none = await add();
        assertEquals([none.status, none.stderr], [0, ""]);
        await done(vm, "remove", none.json.device.uuid);

        const ext = (mac: string) => ({
          ...{ mac, uuid: UUID },
          nicparams: { mode: "ext", link: bridge, vlan: "" },
        });
        const instance = { name: vm.name, hypervisor: "kvm", tags: [] };
        const [dev_type, extra, seq] = ["nic", null, 1];
        const ask = async (action: string, mac: string) => {
          const device = ext(mac);
          const params = { instance, action, dev_type, device, extra, seq };
          const answer = await rpcOnce(vm, "hotplug_device", params);
          return answer.result?.ganeti ?? answer.error?.data.ganeti;
        };
        const [no, why] = await ask("hotadd", MAC);
        assertEquals(no, false);
        assertMatch(why, /no script \/etc\/ganeti\/network\/ext\/up/);
        await writeScript("/etc/ganeti/network/ext/up", EXT_UP);
        assertEquals(await ask("hotadd", MAC), [true, null]);
        await configure(vm, MAC, 26);
        await answers(vm);
        assertEquals(await ask("hotmod", OTHER_MAC), [true, null]);
        await configure(vm, OTHER_MAC, 26);
        await answers(vm);
        const { json } = await tool(vm, "list", vm.name);
        const { mode, migratable, status } = json.devices.at(-1);
        assertEquals([mode, migratable, status], ["ext", null, "ok"]);
        assertEquals((await ask("hotremove", OTHER_MAC))[0], true);
      });
    });
  });
});
