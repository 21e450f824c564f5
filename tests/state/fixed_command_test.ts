import { assertEquals } from "@std/assert";
import {
  fixedCommand,
  fixedDrives,
  fixedOptions,
  isNamedIn,
  optionPlaces,
  vcpusIn,
} from "../../lib/state/fixed_command.ts";
import { optionText } from "../../lib/state/option_text.ts";

const NONE = {
  devices: new Set<string>(),
  netdevs: new Set<string>(),
  drives: new Set<string>(),
  nodes: new Set<string>(),
};

function kept(words: string, recorded = NONE): string {
  return fixedCommand(words.split(" "), recorded).join(" ");
}

Deno.test("fixedCommand() leaves out what each start gives anew", () => {
  assertEquals(
    kept(
      "kvm -S -name a -qmp unix:/q -incoming tcp:0:1 -k de -runas u -chroot /c -run-with user=u -daemonize --qmp stdio -m 1",
    ),
    "kvm -name a -daemonize -m 1",
  );
});

Deno.test("fixedCommand() leaves out what is recorded, and no more", () => {
  const recorded = {
    devices: new Set(["d1", "n1"]),
    netdevs: new Set(["net1"]),
    drives: new Set(["d1"]),
    nodes: new Set(["top"]),
  };
  assertEquals(
    kept(
      "kvm -drive file=/a,,b,if=none,id=d1 -drive file=/c,if=virtio -device virtio-blk-pci,drive=d1,id=d1 " +
        "-device virtio-balloon -device virtio-blk-pci,drive=d2,id=d2 -netdev tap,id=net1 -netdev user,id=net2 " +
        '-device {"driver":"virtio-net-pci","id":"n1"} -blockdev {"driver":"raw","node-name":"top"} -blockdev driver=file,node-name=deep',
      recorded,
    ),
    "kvm -drive file=/c,if=virtio -device virtio-balloon -device virtio-blk-pci,drive=d2,id=d2 -netdev user,id=net2 -blockdev driver=file,node-name=deep",
  );
});

Deno.test("fixedCommand() takes no value for an option", () => {
  assertEquals(
    fixedCommand(["kvm", "-append", "-qmp", "-name", "x"], NONE),
    ["kvm", "-append", "-qmp", "-name", "x"],
  );
  assertEquals(
    fixedCommand(["kvm", "-nodefaults", "-qmp", "stdio", "-usb"], NONE),
    ["kvm", "-nodefaults", "-usb"],
  );
});

Deno.test("fixedCommand() takes a doubled comma for one in a value", () => {
  const drives = new Set(["d1"]);
  const words = ["kvm", "-drive", "file=/x,,id=d1,if=none,id=d2"];
  assertEquals(fixedCommand(words, { ...NONE, drives }), words);
});

Deno.test("isNamedIn() finds devices, drives and backends only", () => {
  const words = ["kvm", "-name", "d1", "-device", "x,id=d2", "-netdev"];
  assertEquals(isNamedIn(words, "d1"), false);
  assertEquals(isNamedIn(words, "d2"), true);
  assertEquals(isNamedIn(["kvm", "-drive", "if=none,id=d3"], "d3"), true);
});

Deno.test("fixedDrives() tells what drives open that are no other medium", () => {
  const words =
    "kvm -drive file=/dev/vg/lv,if=virtio,format=raw -drive file=/a,,b,if=none,id=x -drive file=/cd,media=cdrom -drive if=pflash,file=/fw -drive if=floppy,file=/f -drive if=ide";
  assertEquals(fixedDrives(words.split(" ")), ["/dev/vg/lv", "/a,b"]);
});

Deno.test("vcpusIn() reads -smp, and knows what does not say", () => {
  const vcpus = (words: string) => vcpusIn(words.split(" "));
  assertEquals(vcpus("kvm -smp 2"), 2);
  assertEquals(vcpus("kvm -smp 4,maxcpus=128 --smp maxcpus=8"), 4);
  assertEquals(vcpus("kvm --smp cpus=3,sockets=3"), 3);
  for (const none of ["kvm", "kvm -smp", "kvm -smp maxcpus=8", "kvm -smp 0"]) {
    assertEquals(vcpus(none), undefined, none);
  }
});

Deno.test("fixedOptions() reads every form that QEMU takes", () => {
  const words = [
    "kvm",
    "-nodefaults",
    "--object",
    "memory-backend-ram,id=mem-dimm-1,size=1G",
    "-device",
    "pc-dimm,memdev=mem-dimm-1,id=dimm-1,id=other,x=a,,b,hotplugged",
    "-append",
    "-device",
    "-device",
    '{"driver":"virtio-net-pci","id":"n1","mq":true,"bus":"a,b","r":[{"x":1}]}',
    "-device",
    "driver=e1000,addr=0x5,addr=0x6",
    "-device",
    "{broken",
    "-device",
    "bus=pci.0",
    "-S",
    "-device",
  ];
  const found = (option: "device" | "object") =>
    fixedOptions(words, option).map(({ type, id, properties, at }) => [
      ...[type, id, at],
      Object.fromEntries(properties),
    ]);
  assertEquals(found("object"), [[
    ...["memory-backend-ram", "mem-dimm-1", 2],
    { "qom-type": "memory-backend-ram", id: "mem-dimm-1", size: "1G" },
  ]]);
  assertEquals(found("device"), [
    ["pc-dimm", "dimm-1", 4, {
      driver: "pc-dimm",
      memdev: "mem-dimm-1",
      id: "dimm-1",
      x: "a,b",
      hotplugged: "on",
    }],
    ["virtio-net-pci", "n1", 8, {
      driver: "virtio-net-pci",
      id: "n1",
      mq: "on",
      bus: "a,b",
      "r.0.x": "1",
    }],
    ["e1000", undefined, 10, { driver: "e1000", addr: "0x6" }],
  ]);
  assertEquals(
    fixedOptions(words, "device").map((one) => one.words.join(" ")).slice(0, 1),
    ["-device pc-dimm,memdev=mem-dimm-1,id=dimm-1,id=other,x=a,,b,hotplugged"],
  );
});

Deno.test("fixedOptions() reads what optionText() wrote", () => {
  const args = {
    driver: "x,y",
    id: "a",
    on: true,
    n: 5,
    deep: { t: ",", l: ["="] },
  };
  const [read] = fixedOptions(
    ["kvm", "-device", optionText(args, "driver")],
    "device",
  );
  assertEquals([read?.type, read?.id], ["x,y", "a"]);
  assertEquals(Object.fromEntries(read?.properties ?? []), {
    ...{ driver: "x,y", id: "a", on: "on", n: "5" },
    ...{ "deep.t": ",", "deep.l.0": "=" },
  });
});

Deno.test("optionPlaces() are never between an option and its value", () => {
  const words = ["kvm", "-append", "-S", "-S", "-m", "1"];
  assertEquals(optionPlaces(words), [0, 1, 3, 4, 6]);
});
