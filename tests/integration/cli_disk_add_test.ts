import { NO_PROPERTIES } from "../support/facts.ts";
/** `disk add` against a scripted QEMU that does as it is told. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Fd } from "../../lib/sys/fd.ts";
import { statFd, statPath } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { ending, pretend } from "../lab/pretend.ts";
import {
  assertFailed,
  assertUnchanged,
  cli,
  DISK,
  fds,
  Instance,
  NAME,
  NEW,
  NEW_DISK,
  NIC,
} from "../lab/scripted_instance.ts";
import { qcow2Header } from "../support/qcow2_image.ts";

/** How it was opened: `flags:` of its fdinfo, proc(5). */
function flagsOf(fd: Fd): number {
  const info = Deno.readTextFileSync(`/proc/self/fdinfo/${fd.number}`);
  return parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? "", 8);
}

const ADD = ["add-fd", "blockdev-add", "device_add", "remove-fd"];

Deno.test("disk add sends its commands in order, the fd with add-fd", async () => {
  await using vm = new Instance();
  const source = vm.image();
  const opened: unknown[] = [];
  vm.peer.once("blockdev-add", () => {
    const fd = vm.peer.model.fdOf(1);
    const flags = flagsOf(fd);
    opened.push(statFd(fd).inode, flags & O.ACCMODE, flags & O.DIRECT);
    return {};
  });
  const ran = await vm.cli("disk", "add", NAME, source, "--uuid", NEW);
  assertEquals([ran.status, ran.err], [0, ""]);
  assertEquals(vm.peer.changes(), ADD);
  assertEquals(opened, [statPath(source).inode, O.RDWR, O.DIRECT]);
  const { fds: count, args } = vm.peer.call("add-fd");
  assertEquals([count, args["fdset-id"]], [1, 1]);
  const last = vm.peer.calls.slice(-2).map((call) => call.command);
  assertEquals(last, ["remove-fd", "query-pci"]);
});

Deno.test("disk add tells QEMU exactly how to use the disk", async () => {
  await using vm = new Instance();
  const source = vm.image();
  await vm.cli("disk", "add", NAME, source, "--uuid", NEW);
  const cache = { direct: true, "no-flush": false };
  const mode = { "read-only": false, "auto-read-only": false };
  assertEquals(vm.peer.call("blockdev-add").args, {
    driver: "raw",
    "node-name": NEW_DISK,
    discard: "ignore",
    cache,
    ...mode,
    file: {
      driver: "file",
      filename: "/dev/fdset/1",
      aio: "threads",
      cache,
      discard: "ignore",
      ...mode,
    },
  });
  assertEquals(vm.peer.call("device_add").args, {
    driver: "virtio-blk-pci",
    id: NEW_DISK,
    bus: "pci.0",
    addr: "0xe",
    drive: NEW_DISK,
    "write-cache": "on",
  });
});

Deno.test("disk add answers with the device and records it", async () => {
  await using vm = new Instance();
  const source = vm.image();
  const words = ["--uuid", NEW, "--name", "data"];
  const ran = await vm.cli("disk", "add", NAME, source, ...words);
  assertEquals(ran.json, {
    ok: true,
    instance: NAME,
    action: "add",
    dry_run: false,
    changed: true,
    device: {
      kind: "disk",
      index: 1,
      uuid: NEW,
      name: "data",
      id: NEW_DISK,
      driver: "virtio-blk-pci",
      bus: "pci.0",
      slot: 14,
      addr: "0xe",
      source,
      size_bytes: 1 << 20,
      format: "raw",
      via: "fdset",
      ...{ channel: null, scsi_id: null, lun: null },
      ...{ read_only: false, cache: "none", aio: "threads" },
      ...{
        discard: "ignore",
        limits: null,
        limit_group: null,
        ...NO_PROPERTIES,
        migratable: true,
      },
      ...{ tray: null, live_source: null, unlike_start: [] },
    },
    warnings: [],
    settled: [],
    plan: null,
  });
  const [disk, link, uri] = vm.runtime[3][1];
  assertEquals([link, uri], [source, null]);
  assertEquals(disk.uuid, NEW);
  assertEquals(disk.hvinfo, {
    driver: "virtio-blk-pci",
    id: NEW_DISK,
    bus: "pci.0",
    addr: "0xe",
  });
});

Deno.test("disk add changes its entry of the runtime file and nothing else", async () => {
  await using vm = new Instance();
  Deno.chmodSync(vm.runtimePath, 0o640);
  Deno.chownSync(vm.runtimePath, 1234, 2345);
  const before = vm.text;
  const ran = await vm.cli("disk", "add", NAME, vm.image());
  assertEquals(ran.status, 0);
  const { mode, uid, gid } = statPath(vm.runtimePath);
  assertEquals([mode, uid, gid], [0o640, 1234, 2345]);
  assert(vm.text.includes("1.50e+02"));
  const { uuid } = ran.json.device as { uuid: string };
  await vm.cli("disk", "remove", NAME, uuid);
  assertEquals(JSON.parse(vm.text), JSON.parse(before));
  assertEquals([...Deno.readDirSync(vm.at("conf"))].length, 1);
});

Deno.test("disk add leaves no fd open, in us or in an fd set", async () => {
  await using vm = new Instance();
  const source = vm.image();
  const before = fds();
  await vm.cli("disk", "add", NAME, source);
  assertEquals(fds(), before);
  assertEquals(vm.peer.model.fdsets.get(1)?.fd, undefined);
});

Deno.test("disk add opens read-only and past no cache when told so", async () => {
  await using vm = new Instance();
  let flags = -1;
  vm.peer.once("blockdev-add", () => {
    flags = flagsOf(vm.peer.model.fdOf(1));
    return {};
  });
  const words = ["--read-only", "--cache", "writethrough", "--not-migratable"];
  const ran = await vm.cli("disk", "add", NAME, vm.image(), ...words);
  assertEquals([ran.status, (ran.json.warnings as unknown[]).length], [0, 1]);
  assertEquals([flags & O.ACCMODE, flags & O.DIRECT], [O.RDONLY, 0]);
  const { args } = vm.peer.call("blockdev-add");
  assertEquals(args["read-only"], true);
  assertEquals(vm.peer.call("device_add").args["write-cache"], "off");
  assertEquals(vm.runtime[3][1][0].mode, "ro");
});

Deno.test("disk add chooses an fd set nobody has", async () => {
  await using vm = new Instance();
  vm.peer.model.fdsets.set(7, { opaque: "another's", fd: undefined });
  await vm.cli("disk", "add", NAME, vm.image());
  assertEquals(vm.peer.call("add-fd").args["fdset-id"], 8);
});

Deno.test("disk add of a source that is there changes nothing", async () => {
  await using vm = new Instance();
  const source = vm.image();
  const first = await vm.cli("disk", "add", NAME, source, "--uuid", NEW);
  const changes = vm.peer.changes();
  const text = vm.text;
  for (const words of [[], ["--uuid", NEW]]) {
    const again = await vm.cli("disk", "add", NAME, source, ...words);
    assertEquals([again.status, again.json.changed], [0, false]);
    const { index, id, slot } = again.json.device as Record<string, unknown>;
    assertEquals([index, id, slot], [1, NEW_DISK, 14]);
  }
  assertEquals(first.json.changed, true);
  assertEquals(vm.peer.changes(), changes);
  assertEquals(vm.text, text);
});

Deno.test("disk add of a disk that is there must be as it is there", async () => {
  await using vm = new Instance();
  const source = vm.image();
  // It has the image open, as QEMU would.
  const open = ["sh", "-c", 'exec 5<"$1"; shift; exec "$@"', "sh", source];
  const process = await pretend(vm, NAME, open);
  const disk = ["disk", "add", NAME, source];
  const given = [
    ...["--uuid", NEW, "--name", "data", "--cache", "writethrough"],
    ...["--aio", "io_uring", "--discard", "unmap", "--read-only"],
    ...["--queues", "2", "--slot", "20", "--via", "fdset"],
  ];
  const first = await vm.cli(...disk, ...given, "--not-migratable");
  assertEquals([first.status, first.json.changed], [0, true], first.out);
  await assertUnchanged(vm, async () => {
    for (const words of [given, ["--format", "raw"], ["--slot", "20"]]) {
      const again = await vm.cli(...disk, ...words);
      assertEquals([again.status, again.json.changed], [0, false], again.out);
    }
    const other = ["--aio", "threads", "--discard", "ignore", "--name", "b"];
    const more = ["--cache", "none", "--slot", "21", "--format", "qcow2"];
    const ran = await vm.cli(...disk, ...other, ...more);
    const { message } = assertFailed(ran, 3, "duplicate");
    assertEquals(
      message.split("differs: ")[1],
      "--format is raw (asked: qcow2), --cache is writethrough (asked: none), --aio is io_uring (asked: threads), --discard is unmap (asked: ignore), --name is data (asked: b), --slot is 20 (asked: 21)",
    );
  });
  await ending(process);
  const closed = await pretend(vm, NAME);
  const elsewhere = assertFailed(await vm.cli(...disk), 3, "duplicate");
  assertMatch(elsewhere.message, /SOURCE is something else/);
  await vm.cli("disk", "remove", NAME, NEW);
  await ending(closed);
  const next = await pretend(vm, NAME, open);
  const plain = await vm.cli(...disk, "--uuid", NEW);
  assertEquals([plain.status, plain.json.changed], [0, true], plain.out);
  const threads = await vm.cli(...disk, "--aio", "threads");
  assertEquals([threads.status, threads.json.changed], [0, false]);
  await ending(next);
  // Of another process nothing is noted.
  const unknown = await vm.cli(...disk, "--aio", "threads");
  const { message } = assertFailed(unknown, 3, "duplicate");
  assertMatch(message, /--aio is not known/);
});

Deno.test("disk add of a qcow2 file says all that it needs, at once", async () => {
  await using vm = new Instance();
  const source = vm.image("it's.qcow2");
  await Deno.writeFile(source, qcow2Header({}));
  const disk = ["disk", "add", NAME, source, "--uuid", NEW];
  let hint = "";
  await assertUnchanged(vm, async () => {
    const ran = await vm.cli(...disk);
    hint = assertFailed(ran, 3, "refused").hint ?? "";
    const dry = await vm.cli(...disk, "--dry-run");
    assertFailed(dry, 3, "refused");
  });
  assertMatch(
    hint,
    /--format raw.* to add it anyway, give --format qcow2 --not-migratable/,
  );
  // What is told can be done, as it stands there.
  const line = hint.slice(hint.indexOf("kvm-hotplug ") + 12);
  const words = `printf '%s\\0' ${line}`;
  const shell = await new Deno.Command("sh", { args: ["-c", words] }).output();
  const args = new TextDecoder().decode(shell.stdout).split("\0").slice(0, -1);
  const told = await cli([...args, "--json"]);
  assertEquals([told.status, told.json.changed], [0, true], told.out);
  assertEquals((told.json.device as { format: string }).format, "qcow2");
  // It is there now: nothing is lacking.
  const again = await vm.cli(...disk);
  assertEquals([again.status, again.json.changed], [0, false], again.out);
});

Deno.test("disk add takes a qcow2 file as raw if that is said", async () => {
  await using vm = new Instance();
  const source = vm.image();
  await Deno.writeFile(source, qcow2Header({}));
  const ran = await vm.cli("disk", "add", NAME, source, "--format", "raw");
  assertEquals([ran.status, ran.json.warnings], [0, []], ran.out);
});

Deno.test("disk add copes with events in between and broken-up replies", async () => {
  await using vm = new Instance();
  const noise = { event: "RTC_CHANGE", data: { offset: 1 } };
  for (const command of ["add-fd", "blockdev-add", "device_add"]) {
    vm.peer.once(command, { before: [noise, noise], after: [noise] });
  }
  vm.peer.bytesPerWrite = 50;
  const ran = await vm.cli("disk", "add", NAME, vm.image());
  assertEquals(ran.status, 0);
  assertEquals(vm.peer.changes(), ADD);
});

Deno.test("disk add takes a late reply for what it is", async () => {
  await using vm = new Instance();
  vm.peer.once("device_add", { reply: "late" });
  const words = ["--timeout", "0.2", "--uuid", NEW];
  const ran = await vm.cli("disk", "add", NAME, vm.image(), ...words);
  assertEquals(ran.status, 0);
  assertEquals(vm.peer.changes(), ADD);
  const ids = [DISK.id, NIC.id, NEW_DISK];
  assertEquals([...vm.peer.model.devices.keys()], ids);
});

const TOP = { "node-name": NEW_DISK, drv: "qcow2", file: "json:{}" };
const OWN = { "node-name": "#block1", drv: "file", file: "/dev/fdset/1" };
const QCOW2 = ["--uuid", NEW, "--format", "qcow2", "--not-migratable"];

/** Makes an image; QEMU is to tell of these nodes once it has it. */
function qcow2Image(vm: Instance, more: readonly unknown[]): string[] {
  const source = vm.image();
  Deno.writeFileSync(source, qcow2Header({}));
  const nodes = [{ "node-name": DISK.id, drv: "raw" }, TOP, OWN, ...more];
  vm.peer.once("query-named-block-nodes", {});
  vm.peer.once("query-named-block-nodes", { value: nodes });
  return ["disk", "add", NAME, source, ...QCOW2];
}

Deno.test("disk add looks at all that QEMU opened for a qcow2 image", async () => {
  await using vm = new Instance();
  const ran = await vm.cli(...qcow2Image(vm, []));
  assertEquals([ran.status, ran.json.changed], [0, true], ran.out);
});

Deno.test("disk add undoes an image that has QEMU open another file", async () => {
  const foreign = [
    { drv: "file", file: "/etc/shadow" },
    { drv: "host_device", file: "/dev/vda" },
    { drv: "file", file: "/dev/fdset/1" },
    { drv: "nbd", file: "nbd://198.51.100.1/x" },
    { drv: "null-co" },
  ];
  for (const one of foreign) {
    await using vm = new Instance();
    const add = qcow2Image(vm, [{ "node-name": "#block2", ...one }]);
    await assertUnchanged(vm, async () => {
      const { message } = assertFailed(await vm.cli(...add), 5, "qmp-error");
      assert(message.includes(one.file ?? "null-co"), message);
    });
    assert(!vm.peer.changes().includes("device_add"));
  }
});
