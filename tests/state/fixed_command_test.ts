import { assertEquals } from "@std/assert";
import {
  fixedCommand,
  fixedDrives,
  isNamedIn,
  vcpusIn,
} from "../../lib/state/fixed_command.ts";

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
