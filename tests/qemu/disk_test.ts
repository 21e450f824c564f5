/** A disk into and out of a real guest, by the built executable. */
import type { Doc } from "../support/document.ts";
import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { RPC_CALLS, type RpcCall } from "../bench/calls.ts";
import { rpcCostsOf } from "../bench/cost.ts";
import type { Count } from "../bench/strace_log.ts";
import { eachRelease, host, makeImage } from "../lab/each_release.ts";
import { loopDevice } from "../lab/jail.ts";
import { snapshot } from "../lab/snapshot.ts";
import { EXECUTABLE, tool } from "../lab/tool.ts";

const UUID = "d0000001-1111-4111-8111-000000000001";
const SECOND = "d0000002-1111-4111-8111-000000000002";
const MARKER = "written-by-host";
const READ = "dd if=/dev/vda bs=15 count=1 2>/dev/null";
const WRITE =
  "printf written-by-guest | dd of=/dev/vda bs=512 seek=8 conv=fsync";

eachRelease("disk add and remove, used by host and guest", async (vm, t) => {
  const image = `${vm.runDir}/d1.img`;
  await makeImage(image, MARKER);
  const before = await snapshot(vm);

  await t.step("a dry run changes nothing", async () => {
    const dry = await tool(vm, "disk", "add", vm.name, image, "--dry-run");
    assertEquals(dry.status, 0);
    assertEquals(dry.json.dry_run, true);
    assertEquals(dry.json.changed, false);
    assertEquals(dry.json.device.slot, 12);
    assertEquals(await snapshot(vm), before);
  });

  let added: Doc = {};
  await t.step("the guest reads what the host wrote", async () => {
    const add = await tool(
      vm,
      ...["disk", "add", vm.name, image],
      ...["--uuid", UUID, "--name", "data"],
    );
    assertEquals(add.stderr, "");
    assertEquals(add.status, 0);
    assertEquals(add.json.changed, true);
    const { device } = add.json;
    assertEquals(device.id, "disk-d0000001-1111-4111");
    assertEquals([device.slot, device.addr], [12, "0xc"]);
    added = device;
    await vm.waitGuest("test -b /dev/vda");
    assertEquals((await vm.guest(READ)).output, MARKER);
    const slots = await vm.guest("ls /sys/bus/pci/devices");
    assertMatch(slots.output, /0000:00:0c\.0/);
  });

  await t.step("the host reads what the guest wrote", async () => {
    assertEquals((await vm.guest(WRITE)).status, 0);
    const bytes = await Deno.readFile(image);
    const text = new TextDecoder().decode(bytes.subarray(4096, 4112));
    assertEquals(text, "written-by-guest");
  });

  await t.step("no fd set is left that is not in use", async () => {
    const { fdsets } = await snapshot(vm);
    assertEquals((fdsets as { fds: unknown[] }[]).map((one) => one.fds), [[]]);
  });

  await t.step("repeated, it changes nothing and says so", async () => {
    const now = await snapshot(vm);
    const given = [
      ...["--name", "data", "--driver", "paravirtual", "--format", "raw"],
      ...["--slot", "12", "--bus", "pci.0", "--via", "fdset"],
      ...["--id-scheme", "ganeti", "--iops", "0", "--discard", "ignore"],
    ];
    for (const more of [[], ["--uuid", UUID], given]) {
      const again = await tool(vm, "disk", "add", vm.name, image, ...more);
      assertEquals(
        [again.status, again.json.changed],
        [0, false],
        again.stdout,
      );
      assertEquals(again.json.device.uuid, UUID);
    }
    assertEquals(await snapshot(vm), now);
  });

  await t.step("asked for otherwise, it says what differs", async () => {
    const now = await snapshot(vm);
    const other = [
      ...["--name", "b", "--format", "qcow2", "--read-only", "--bps", "1M"],
      ...["--queues", "7", "--iothread", "io7", "--slot", "13"],
    ];
    const again = await tool(vm, "disk", "add", vm.name, image, ...other);
    const { code, message, device } = again.json.error;
    assertEquals([again.status, code, device.uuid], [3, "duplicate", UUID]);
    const [, list = ""] = message.split(", but differs: ");
    assertMatch(list, /--queues is \d+ \(asked: 7\)/);
    assertEquals(
      list.replace(/ --queues is \d+/, " --queues is N"),
      "--format is raw (asked: qcow2), --read-only is no (asked: yes), --queues is N (asked: 7), --iothread is none (asked: io7), --bps is none (asked: 1048576), --name is data (asked: b), --slot is 12 (asked: 13)",
    );
    assertEquals(await snapshot(vm), now);
  });

  await t.step("another file in its place is not what QEMU has", async () => {
    await Deno.rename(image, `${image}.old`);
    await makeImage(image, "new");
    const now = await snapshot(vm);
    const again = await tool(vm, "disk", "add", vm.name, image);
    assertEquals([again.status, again.json.error?.code], [3, "duplicate"]);
    assertStringIncludes(again.json.error.message, "SOURCE is something else");
    assertEquals(await snapshot(vm), now);
    await Deno.rename(`${image}.old`, image);
    assertEquals((await tool(vm, "disk", "add", vm.name, image)).status, 0);
  });

  await t.step("list shows it", async () => {
    const { json } = await tool(vm, "list", vm.name);
    assertEquals(json.qemu.pid, vm.pid);
    assertEquals(json.devices.length, 1);
    const ok = { status: "ok", differences: [] };
    assertEquals(json.devices[0], { ...added, ...ok });
    assertEquals(json.devices[0].size_bytes, 8 * 1024 * 1024);
  });

  await t.step(
    "a file that was replaced is told of, and what helps",
    async () => {
      await Deno.rename(image, `${image}.old`);
      await makeImage(image, MARKER);
      const { status, json } = await tool(
        vm,
        "state",
        "show",
        vm.name,
        "--verify",
      );
      assertEquals(status, 3);
      const [{ hint }] = json.verify.differences;
      assertMatch(hint, new RegExp(`/proc/${vm.pid}/fd .*back at ${image}$`));
      await Deno.rename(`${image}.old`, image);
    },
  );

  await t.step("removed by name, all is as before", async () => {
    const remove = await tool(vm, "disk", "remove", vm.name, "data");
    assertEquals(remove.stderr, "");
    assertEquals([remove.status, remove.json.changed], [0, true]);
    assertEquals((await vm.guest("test -b /dev/vda")).status, 1);
    assertEquals(await snapshot(vm), before);
    const again = await tool(vm, "disk", "remove", vm.name, UUID);
    assertEquals([again.status, again.json.changed], [0, false]);
  });
});

type Counted = Exclude<Count, "all" | "qmpBytes" | "fileBytes">;

/**
 * What a request of `rpc` may cost on a pc machine with one disk: one more is
 * one more in the code. A removal asks again while it waits for the guest.
 * `task bench` prints what each does cost.
 */
const MOST: Readonly<Record<RpcCall, Record<Counted, number>>> = {
  "rpc disk.add": {
    ...{ outward: 123, messages: 13, roundTrips: 7, syncs: 10 },
    commandBytes: 1143,
  },
  "rpc list": {
    ...{ outward: 105, messages: 12, roundTrips: 2, syncs: 0 },
    commandBytes: 609,
  },
  "rpc disk.remove": {
    ...{ outward: 149, messages: 20, roundTrips: 9, syncs: 9 },
    commandBytes: 1128,
  },
};

eachRelease("a request costs no more than it did", async (vm) => {
  const image = `${vm.runDir}/cost.img`;
  await makeImage(image, MARKER);
  const costs = await rpcCostsOf(EXECUTABLE, { vm, image });
  for (const call of RPC_CALLS) {
    const cost = costs[call];
    const most = Object.entries(MOST[call]) as [Counted, number][];
    for (const [count, limit] of most) {
      const many = `${call}: ${cost[count]} ${count}, at most ${limit}`;
      assert(cost[count] <= limit, `${many}: ${JSON.stringify(cost)}`);
    }
  }
});

eachRelease("disk add gives properties that the guest reads", async (vm, t) => {
  const image = `${vm.runDir}/p.img`;
  await makeImage(image, MARKER);
  const words = [
    ...["disk", "add", vm.name, image, "--uuid", UUID, "--serial", "uuid"],
    ...["--logical-block-size", "4096", "--bootindex", "5"],
    ...["--werror", "stop", "--rerror", "report", "--queues", "2"],
  ];
  const keys = {
    ...{ serial: UUID.slice(0, 20), logical_block_size: 4096 },
    ...{ physical_block_size: 4096, bootindex: 5, werror: "stop" },
    ...{ rerror: "report", "num-queues": 2 },
  };
  const recorded = async () =>
    JSON.parse(await Deno.readTextFile(vm.runtimePath))[3][0][0].hvinfo;
  const queue = async (name: string) =>
    (await vm.guest(`cat /sys/block/vda/queue/${name}`)).output.trim();

  await t.step("they reach the guest and hvinfo", async () => {
    const { status, json, stderr } = await tool(vm, ...words);
    assertEquals([status, json.changed], [0, true], stderr);
    assertEquals(json.warnings[0].code, "until-stop");
    await vm.waitGuest("test -b /dev/vda");
    const serial = await vm.guest("cat /sys/block/vda/serial");
    assertEquals(serial.output, UUID.slice(0, 20));
    for (const name of ["logical_block_size", "physical_block_size"]) {
      assertEquals(await queue(name), "4096");
    }
    const { driver: _, id: _i, bus: _b, addr: _a, ...more } = await recorded();
    assertEquals(more, keys);
  });

  await t.step("list shows them, and all agrees", async () => {
    const { json } = await tool(vm, "list", vm.name);
    const [{ status, differences, serial, logical_block_size: size }] =
      json.devices;
    assertEquals([status, differences], ["ok", []]);
    assertEquals([serial, size], [UUID.slice(0, 20), 4096]);
  });

  await t.step("repeated it changes nothing; other values differ", async () => {
    const again = await tool(vm, ...words);
    assertEquals([again.status, again.json.changed], [0, false], again.stdout);
    const other = ["--serial", "other", "--werror", "ignore"];
    const { json } = await tool(vm, "disk", "add", vm.name, image, ...other);
    assertStringIncludes(
      json.error.message,
      `--serial is ${
        UUID.slice(0, 20)
      } (asked: other), --werror is stop (asked: ignore)`,
    );
  });

  await t.step("a place in the boot order is given once", async () => {
    const second = `${vm.runDir}/p2.img`;
    await makeImage(second, MARKER);
    const now = await snapshot(vm);
    const { status, json } = await tool(
      vm,
      ...["disk", "add", vm.name, second, "--bootindex", "5"],
    );
    assertEquals([status, json.error.code], [3, "refused"]);
    assertEquals(await snapshot(vm), now);
  });

  await t.step("a start gives them again", async () => {
    const { json } = await tool(vm, "state", "command", vm.name);
    const line = json.command.join(" ");
    for (const [key, value] of Object.entries(keys)) {
      assertStringIncludes(line, `,${key}=${value},`);
    }
  });

  await t.step("adopt reads them from QEMU", async () => {
    const tuple = JSON.parse(await Deno.readTextFile(vm.runtimePath));
    const before = tuple[3][0][0].hvinfo;
    await Deno.writeTextFile(
      vm.runtimePath,
      JSON.stringify(tuple.with(3, [])),
    );
    const { status, json, stdout } = await tool(vm, "adopt", vm.name);
    assertEquals([status, json.changed], [0, true], stdout);
    assertEquals(await recorded(), before);
    await tool(vm, "disk", "remove", vm.name, "0");
  });

  await t.step("the sectors of a block device are its own", async () => {
    const loop = await host(
      "losetup",
      ...["--find", "--show", "--sector-size", "4096", image],
    );
    try {
      const add = await tool(vm, "disk", "add", vm.name, loop);
      assertEquals(add.status, 0, add.stdout);
      assertEquals(add.json.device.logical_block_size, 4096);
      await vm.waitGuest("test -b /dev/vda");
      assertEquals(await queue("logical_block_size"), "4096");
      assertEquals((await vm.guest(READ)).output, MARKER);
      const own = ["--logical-block-size", "512"];
      const { json } = await tool(vm, "disk", "add", vm.name, loop, ...own);
      assertStringIncludes(json.error.message, "is 4096 (asked: 512)");
    } finally {
      await tool(vm, "disk", "remove", vm.name, "0");
      await host("losetup", "--detach", loop);
    }
  });
});

eachRelease("disk add chooses slots and ids", async (vm) => {
  const paths = [1, 2, 3].map((n) => `${vm.runDir}/d${n}.img`);
  for (const path of paths) await makeImage(path, MARKER);
  const [first = "", second = "", third = ""] = paths;
  const design = await tool(
    vm,
    ...["disk", "add", vm.name, first, "--uuid", UUID],
    ...["--id-scheme", "design", "--slot", "20"],
  );
  assertEquals(design.json.device.id, "disk-d0000001-pci-20");
  // The scheme of what is recorded, the first free slot.
  const follows = await tool(vm, "disk", "add", vm.name, second);
  assertMatch(follows.json.device.id, /^disk-[0-9a-f]{8}-pci-12$/);
  const taken = await tool(vm, "disk", "add", vm.name, third, "--slot", "12");
  assertEquals([taken.status, taken.json.error.code], [3, "no-free-slot"]);
  await vm.qmp.execute("object-add", { "qom-type": "iothread", id: "io1" });
  const given = [
    ...["--read-only", "--cache", "none", "--aio", "native", "--queues", "2"],
    ...["--discard", "unmap", "--iothread", "io1", "--iops", "100"],
    ...["--slot", "21", "--uuid", SECOND],
  ];
  const words = ["disk", "add", vm.name, third, ...given, "--not-migratable"];
  for (const changed of [true, false]) {
    const { status, json, stdout } = await tool(vm, ...words);
    assertEquals([status, json.changed], [0, changed], stdout);
  }
  const other = [
    ...["--cache", "writethrough", "--aio", "threads", "--queues", "3"],
    ...["--discard", "ignore", "--iothread", "io0", "--iops", "0"],
  ];
  const { json } = await tool(vm, "disk", "add", vm.name, third, ...other);
  assertEquals(
    json.error.message.split(", but differs: ")[1],
    "--cache is none (asked: writethrough), --aio is native (asked: threads), --discard is unmap (asked: ignore), --queues is 2 (asked: 3), --iothread is io1 (asked: io0), --iops is 100 (asked: none)",
  );
  for (const index of ["-1", "-1", "0"]) {
    assertEquals((await tool(vm, "disk", "remove", vm.name, index)).status, 0);
  }
});

eachRelease(
  "disk add takes a block device, past the page cache",
  async (vm) => {
    const image = `${vm.runDir}/loop.img`;
    await makeImage(image, MARKER);
    const loop = await host("losetup", "--find", "--show", image);
    try {
      const before = await snapshot(vm);
      const add = await tool(vm, "disk", "add", vm.name, loop);
      assertEquals(add.stderr, "");
      assertEquals(add.json.device.source, loop);
      await vm.waitGuest("test -b /dev/vda");
      assertEquals((await vm.guest(READ)).output, MARKER);
      const nodes = await vm.qmp.execute<
        { "node-name": string; cache: { direct: boolean }; file: string }[]
      >("query-named-block-nodes");
      const node = nodes.find((one) => one["node-name"] === add.json.device.id);
      assertEquals(node?.cache.direct, true);
      // The guest writes to the loop device's file, too.
      const twice = await tool(vm, "disk", "add", vm.name, image);
      assertEquals([twice.status, twice.json.changed], [3, false]);
      const who = `pid ${vm.pid}\\), by way of ${loop}`;
      assertMatch(twice.json.error.message, new RegExp(who));
      const remove = await tool(vm, "disk", "remove", vm.name, "0");
      assertEquals([remove.stderr, remove.status], ["", 0]);
      assertEquals(await snapshot(vm), before);
    } finally {
      await host("losetup", "--detach", loop);
    }
  },
);

eachRelease(
  "disk add refuses an image that a VM has in use",
  async (vm) => {
    const image = `${vm.runDir}/busy.img`;
    await makeImage(image, MARKER);
    const file = { driver: "file", filename: image };
    await vm.qmp.execute("blockdev-add", {
      driver: "raw",
      "node-name": "foreign",
      file,
    });
    await vm.qmp.execute("device_add", {
      driver: "virtio-blk-pci",
      id: "foreign",
      drive: "foreign",
      addr: "0x8",
    });
    const before = await snapshot(vm);
    const add = await tool(vm, "disk", "add", vm.name, image);
    assertEquals([add.status, add.json.error.code], [3, "refused"]);
    assertMatch(
      add.json.error.message,
      new RegExp(`: VM ${vm.name} \\(pid ${vm.pid}\\) uses it`),
    );
    assertEquals(add.json.changed, false);
    await using loop = await loopDevice(image);
    for (const remove of [false, true]) {
      if (remove) await Deno.remove(image);
      const { json } = await tool(vm, "disk", "add", vm.name, loop.path);
      const who = `pid ${vm.pid}\\), by way of ${image}`;
      assertMatch(json.error.message, new RegExp(who));
    }
    assertEquals(await snapshot(vm), before);
  },
);

eachRelease("disk add takes a read-only device for reading", async (vm) => {
  const image = `${vm.runDir}/ro.img`;
  await makeImage(image, MARKER);
  await using loop = await loopDevice(image, "--read-only");
  const before = await snapshot(vm);
  for (const word of ["--dry-run", "--json"]) {
    const add = await tool(vm, "disk", "add", vm.name, loop.path, word);
    assertEquals([add.status, add.json.error?.code], [3, "refused"]);
    assertMatch(add.json.error.hint, /--read-only/);
  }
  assertEquals(await snapshot(vm), before);
  const read = ["--read-only", "--not-migratable"];
  const add = await tool(vm, "disk", "add", vm.name, loop.path, ...read);
  assertEquals(add.status, 0, add.stdout);
  await vm.waitGuest("test -b /dev/vda");
  assertEquals((await vm.guest(READ)).output, MARKER);
  assertEquals((await tool(vm, "disk", "remove", vm.name, "0")).status, 0);
  assertEquals(await snapshot(vm), before);
});
