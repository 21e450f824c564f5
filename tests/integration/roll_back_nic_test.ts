/** A NIC that QEMU does not let go keeps what was made for it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { statPath } from "../../lib/sys/file.ts";
import {
  assertFailed,
  Instance,
  NAME,
  NEW,
  NEW_NIC,
  TAP,
  tapBehind,
  taps,
} from "./support.ts";

const NO = { class: "GenericError", desc: "QEMU says no" };
const BRIDGE = `khb${Deno.pid}`;

async function ip(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", { args }).output();
  assert(success, new TextDecoder().decode(stderr));
}

async function withBridge(body: () => Promise<void>): Promise<void> {
  await ip("link", "add", BRIDGE, "type", "bridge");
  try {
    await body();
  } finally {
    await ip("link", "del", BRIDGE);
  }
}

/** Names of the interfaces on the bridge. */
function ports(): string[] {
  return [...Deno.readDirSync(`/sys/class/net/${BRIDGE}/brif`)]
    .map(({ name }) => name);
}

/** What is there of the NIC: on the bridge, in QEMU, in the NIC files. */
function nicOf(vm: Instance) {
  const held = vm.peer.model.netdevs.get(NEW_NIC)?.fds ?? [];
  const files = vm.at(`nic/${NAME}`);
  const there = [...Deno.readDirSync(vm.at("nic"))].length > 0;
  return {
    ports: ports(),
    inQemu: held.map((fd) => tapBehind(fd.number)),
    // Our own copy is closed: what is open here is what QEMU has.
    open: taps(),
    files: there
      ? [...Deno.readDirSync(files)].map(({ name }) =>
        `${name}: ${Deno.readTextFileSync(`${files}/${name}`)}`
      )
      : [],
  };
}

const KEPT = {
  ports: [TAP],
  inQemu: [TAP],
  open: [`/sys ${TAP}`, TAP],
  files: [`1: ${TAP}`],
};

const GONE = { ports: [], inQemu: [], open: [], files: [] };

/** What keeps QEMU from letting go, and with what the rollback is stuck. */
const STUCK: Record<string, readonly [(vm: Instance) => void, RegExp]> = {
  "netdev_del is refused": [(vm) => {
    vm.peer.once("device_add", { refuse: NO });
    vm.peer.once("netdev_del", { refuse: NO });
  }, /netdev_add: .*QEMU says no/],
  "the guest keeps the device": [(vm) => {
    vm.peer.model.hidden.add(NEW_NIC);
    vm.peer.guest = "is silent";
  }, /device_add: .*not released/],
};

for (const [why, [spoil, said]] of Object.entries(STUCK)) {
  Deno.test(`nic add whose rollback is stuck as ${why} leaves the tap on its bridge, open and on record`, async () => {
    await withBridge(async () => {
      await using vm = new Instance();
      const before = Deno.readTextFileSync(vm.runtimePath);
      assertEquals(nicOf(vm), GONE);
      spoil(vm);
      const words = ["--link", BRIDGE, "--tap", TAP, "--uuid", NEW];
      const ran = await vm.cli(
        ...["nic", "add", NAME, ...words, "--unplug-timeout", "0.1"],
      );
      const { message } = assertFailed(ran, 7, "rollback-incomplete");
      assertMatch(message, said);
      for (const made of ["make a tap", "join the tap", "write the NIC"]) {
        assertMatch(message, new RegExp(`${made}[^;]*: left alone`));
      }
      assertEquals(nicOf(vm), KEPT);
      assertEquals(vm.text, before);
      // Once QEMU lets go, all of it goes.
      vm.peer.guest = "releases";
      const repaired = await vm.cli("repair", NAME);
      assertEquals(repaired.status, 0, repaired.out);
      assertEquals(nicOf(vm), GONE);
      assertEquals(statPath(vm.runtimePath).sizeBytes, before.length);
    });
  });
}
