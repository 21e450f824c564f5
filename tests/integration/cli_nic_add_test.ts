/** `nic add` and `nic remove` against a scripted QEMU, with real taps. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { statFd, statPath } from "../../lib/sys/file.ts";
import { ending, pretend } from "../lab/pretend.ts";
import {
  assertFailed,
  assertUnchanged,
  fds,
  Instance,
  NAME,
  NEW,
  NEW_NIC,
  NIC,
  TAP,
  tapBehind,
  taps,
} from "../lab/scripted_instance.ts";

const MAC = "aa:00:00:12:34:56";

Deno.test("nic add passes a tap with getfd and records the NIC", async () => {
  await using vm = new Instance();
  const words = ["--uuid", NEW, "--mac", MAC, "--tap", TAP];
  const ran = await vm.cli("nic", "add", NAME, ...words);
  assertEquals([ran.status, ran.err], [0, ""]);
  assertEquals(vm.peer.changes(), ["getfd", "netdev_add", "device_add"]);
  const { fds: count, args } = vm.peer.call("getfd");
  assertEquals([count, args], [1, { fdname: "kvm-hotplug-0" }]);
  assertEquals(ran.json.device, {
    kind: "nic",
    index: 1,
    uuid: NEW,
    name: null,
    id: NEW_NIC,
    driver: "virtio-net-pci",
    bus: "pci.0",
    slot: 14,
    addr: "0xe",
    mac: MAC,
    mode: "none",
    link: null,
    tap: TAP,
    queues: 1,
    vhost: false,
    link_state: "up",
    ...{ channel: null, scsi_id: null, lun: null },
    ...{ mtu: null, rate: null, migratable: null },
  });
  const [fd] = vm.peer.model.netdevs.get(NEW_NIC)?.fds ?? [];
  assert(fd !== undefined);
  assertEquals(tapBehind(fd?.number ?? -1), TAP);
  assertEquals(taps(), ["/sys " + TAP, TAP]);
});

Deno.test("nic add of a NIC that is there must be as it is there", async () => {
  await using vm = new Instance();
  const process = await pretend(vm, NAME);
  const given = ["--uuid", NEW, "--mac", MAC, "--queues", "2"];
  const more = ["--link-state", "down", "--no-vhost", "--name", "front"];
  const first = await vm.cli("nic", "add", NAME, ...given, ...more);
  assertEquals([first.status, first.json.changed], [0, true], first.out);
  await assertUnchanged(vm, async () => {
    const same = [["--uuid", NEW], ["--mac", MAC], [...given, ...more]];
    for (const words of same) {
      const again = await vm.cli("nic", "add", NAME, ...words);
      assertEquals([again.status, again.json.changed], [0, false], again.out);
    }
    const other = ["--link", "br0", "--queues", "1", "--link-state", "up"];
    const ran = await vm.cli("nic", "add", NAME, "--mac", MAC, ...other);
    const { message, hint } = assertFailed(ran, 3, "duplicate");
    assertEquals(
      message.split("differs: ")[1],
      "--mode is none (asked: bridged), --link is none (asked: br0), --queues is 2 (asked: 1), --link-state is down (asked: up)",
    );
    assertMatch(hint ?? "", new RegExp(`nic modify ${NAME} ${NEW_NIC}`));
  });
  await ending(process);
});

Deno.test("nic add tells QEMU exactly how to use the tap", async () => {
  await using vm = new Instance();
  await vm.cli("nic", "add", NAME, "--uuid", NEW, "--mac", MAC);
  const id = NEW_NIC;
  const { args } = vm.peer.call("netdev_add");
  assertEquals(args, { type: "tap", id, fds: "kvm-hotplug-0" });
  assertEquals(vm.peer.call("device_add").args, {
    driver: "virtio-net-pci",
    id,
    bus: "pci.0",
    addr: "0xe",
    netdev: id,
    mac: MAC,
  });
});

Deno.test("nic add with queues passes one fd with each getfd", async () => {
  await using vm = new Instance();
  await vm.cli("nic", "add", NAME, "--uuid", NEW, "--queues", "3");
  const getfds = vm.peer.calls.filter((call) => call.command === "getfd");
  assertEquals(getfds.map(({ fds }) => fds), [1, 1, 1]);
  const names = getfds.map(({ args }) => args.fdname);
  assertEquals(names, [0, 1, 2].map((queue) => `kvm-hotplug-${queue}`));
  assertEquals(vm.peer.call("netdev_add").args.fds, names.join(":"));
  const { mq, vectors } = vm.peer.call("device_add").args;
  assertEquals([mq, vectors], [true, 8]);
  const taps = vm.peer.model.netdevs.get(NEW_NIC)?.fds ?? [];
  assertEquals(new Set(taps.map((fd) => tapBehind(fd.number))).size, 1);
});

Deno.test("nic add keeps no fd of the tap to itself", async () => {
  await using vm = new Instance();
  const before = fds();
  await vm.cli("nic", "add", NAME, "--queues", "2");
  // The two that QEMU, which is in this process too, got.
  assertEquals(fds().length, before.length + 2);
});

Deno.test("nic add writes the NIC file, nic remove takes it away", async () => {
  await using vm = new Instance();
  const files = vm.at(`nic/${NAME}`);
  Deno.mkdirSync(files);
  Deno.writeTextFileSync(`${files}/0`, "tap-of-nic0");
  const words = ["--uuid", NEW, "--tap", TAP];
  const ran = await vm.cli("nic", "add", NAME, ...words);
  const { tap } = ran.json.device as { tap: string };
  assertEquals(Deno.readTextFileSync(`${files}/1`), tap);
  const removed = await vm.cli("nic", "remove", NAME, NEW);
  assertEquals([removed.status, removed.json.changed], [0, true]);
  assertEquals([...Deno.readDirSync(files)].map(({ name }) => name), ["0"]);
  assertEquals(Deno.readTextFileSync(`${files}/0`), "tap-of-nic0");
  assertEquals(taps(), []);
});

Deno.test("nic add with a tap name that exists is refused", async () => {
  await using vm = new Instance();
  await assertUnchanged(vm, async () => {
    const ran = await vm.cli("nic", "add", NAME, "--tap", "lo");
    assertFailed(ran, 3, "duplicate");
  });
  assertEquals(vm.peer.changes(), []);
});

Deno.test("nic add with a script that fails is undone", async () => {
  await using vm = new Instance();
  const script = `${vm.runDir}/ifup`;
  Deno.writeTextFileSync(script, "#!/bin/sh\necho broken >&2\nexit 3\n");
  Deno.chmodSync(script, 0o755);
  // A bridge is looked for before; one made here would need to be removed.
  const bridge = `kvmhp-br${Deno.pid % 1000}`;
  const ip = async (...args: string[]) =>
    await new Deno.Command("ip", { args }).output();
  await ip("link", "add", bridge, "type", "bridge");
  try {
    await assertUnchanged(vm, async () => {
      const words = ["--link", bridge, "--script", script];
      const ran = await vm.cli("nic", "add", NAME, ...words);
      const { message } = assertFailed(ran, 5, "host-error");
      assertMatch(message, /broken/);
    });
    assertEquals(vm.peer.changes(), []);
  } finally {
    await ip("link", "del", bridge);
  }
});

Deno.test("nic remove takes the backend only when the guest is done", async () => {
  await using vm = new Instance();
  await vm.cli("nic", "add", NAME, "--uuid", NEW);
  vm.peer.once("netdev_del", () => {
    assert(!vm.peer.model.devices.has(NEW_NIC));
    return {};
  });
  const ran = await vm.cli("nic", "remove", NAME, "-1");
  assertEquals(ran.status, 0);
  assertEquals(vm.peer.changes().slice(-2), ["device_del", "netdev_del"]);
  assertEquals([...vm.peer.model.netdevs.keys()], [NIC.id]);
  assertEquals(vm.runtime[1].length, 1);
});

Deno.test("nic remove of a card without a backend of ours leaves others alone", async () => {
  await using vm = new Instance();
  vm.peer.model.netdevs.delete(NIC.id);
  const ran = await vm.cli("nic", "remove", NAME, NIC.uuid);
  assertEquals([ran.status, vm.peer.changes()], [0, ["device_del"]]);
  assertEquals([vm.runtime[1].length, vm.runtime[3].length], [0, 1]);
});

Deno.test("nic add refuses NIC files it cannot read, and changes nothing", async () => {
  const places: Record<string, (path: string) => void> = {
    "a link": (path) => Deno.symlinkSync("/etc", path),
    "a file": (path) => Deno.writeTextFileSync(path, ""),
    "a file too long": (path) => {
      Deno.mkdirSync(path);
      Deno.writeTextFileSync(`${path}/0`, "x".repeat(10_000));
    },
  };
  for (const [what, make] of Object.entries(places)) {
    await using vm = new Instance();
    make(vm.at(`nic/${NAME}`));
    await assertUnchanged(vm, async () => {
      const ran = await vm.cli("nic", "add", NAME);
      assertEquals(ran.status, 3, `${what}: ${ran.out}`);
    });
  }
});

Deno.test("nic add gives /dev/net/tun and nothing else", async () => {
  await using vm = new Instance();
  let same = false;
  vm.peer.once("netdev_add", () => {
    const [fd] = vm.peer.model.fdNames.values();
    same = fd !== undefined &&
      statFd(fd).rdev === statPath("/dev/net/tun").rdev;
    return {};
  });
  await vm.cli("nic", "add", NAME);
  assert(same);
});
