import { assertEquals } from "@std/assert";
import { didYouMean, nearest, nearestWords } from "../../lib/words/nearest.ts";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { commandMeant, optionMeant } from "../../lib/words/other_words.ts";

Deno.test("nearest() takes one change in three letters, and one in fewer", () => {
  const cases: [string, string | undefined][] = [
    ["list", "list"],
    ["lst", "list"],
    ["liist", "list"],
    ["lizt", "list"],
    ["lzzt", undefined],
    ["lsit", "list"],
    ["ilst", "list"],
    ["ltsi", undefined],
    ["l", undefined],
    ["remvoe", "remove"],
    ["rxmvoe", undefined],
    ["", undefined],
  ];
  for (const [word, found] of cases) {
    assertEquals(nearest(word, ["remove", "list"]), found, word);
  }
  assertEquals(nearest("list", []), undefined);
});

Deno.test("nearestWords() has the equally near, those first that begin alike", () => {
  assertEquals(nearestWords("vm1", ["wm1", "vm2", "vm1x2", "xm1"]), [
    "vm2",
    "wm1",
    "xm1",
  ]);
  const many = ["vm2", "vm3", "vm4", "vm5"];
  assertEquals(nearestWords("vm1", many), many.slice(0, 3));
  assertEquals(nearestWords("vm1", many, 2), many.slice(0, 2));
  assertEquals(nearestWords("vm1", ["vm1", "vm2"]), ["vm1"]);
});

Deno.test("nearestWords() compares no long words, and no common domain", () => {
  const long = "x".repeat(64);
  assertEquals(nearestWords(long, [long]), [long]);
  assertEquals(nearestWords(`${long}x`, [`${long}x`]), []);
  const known = ["mail.example.com", "db1.example.com", ".example.com"];
  assertEquals(nearestWords("db2.example.com", known), ["db1.example.com"]);
  assertEquals(nearestWords("web.example.com", known.slice(0, 2)), []);
  assertEquals(nearestWords("web.example.com", known), [".example.com"]);
  // The domains differ: they count.
  assertEquals(nearestWords("db1.org", ["db1.com"]), []);
  assertEquals(nearestWords(".example.co", known), [".example.com"]);
  assertEquals(nearestWords("db1.example.org", known), ["db1.example.com"]);
});

Deno.test("didYouMean() asks about each of the nearest", () => {
  assertEquals(didYouMean("vm1", ["vm2", "vm3"]), "did you mean vm2 or vm3?");
  assertEquals(didYouMean("vm1", ["other"]), undefined);
});

Deno.test("commandMeant() knows the words of other tools", () => {
  const meant = (...words: string[]) => commandMeant(words, COMMANDS);
  assertEquals(meant("ls"), 'did you mean "list"?');
  assertEquals(meant("setvcpus", "vm1"), 'did you mean "vcpu set"?');
  assertEquals(meant("cpu", "add"), 'did you mean "vcpu add"?');
  assertEquals(meant("mem", "set"), 'did you mean "memory set"?');
  assertEquals(meant("memory", "attach"), 'did you mean "memory add"?');
  assertEquals(meant("disk", "rm"), 'did you mean "disk remove"?');
  assertEquals(meant("nic", "attach"), 'did you mean "nic add"?');
  assertEquals(meant("vm1", "status"), 'did you mean "list" or "check"?');
  assertEquals(
    [meant("vm1"), meant(), meant("", "")],
    Array(3).fill(undefined),
  );
});

Deno.test("commandMeant() names commands that there are", () => {
  const meant = {
    list: ["ls", "list", "disks", "nics"],
    "list|check": ["status", "info", "vcpucount", "vcpuinfo"],
    "list|state show": ["show"],
    "disk remove|nic remove|vcpu remove|memory remove": [
      ...["rm", "detach", "device_del"],
    ],
    "disk add|nic add|vcpu add|memory add": ["attach", "device_add"],
    "disk add|nic add|memory add": ["attach-device"],
    "disk remove|nic remove|memory remove": ["detach-device"],
    "vcpu set": ["setvcpus"],
    "vcpu add": ["cpu-add"],
    "vcpu add|vcpu remove": ["setvcpu", "cpu_set"],
    "vcpu add|vcpu remove|vcpu set": ["cpu", "cpus", "vcpus"],
    "memory set": ["setmem", "balloon", "update-memory-device"],
    "memory add|memory remove|memory set": ["mem", "dimm", "virtio-mem"],
    check: ["setmaxmem"],
    "disk add": ["attach-disk"],
    "nic add": ["attach-interface"],
    "disk remove": ["detach-disk"],
    "nic remove": ["detach-interface"],
    "--version": ["version"],
  };
  for (const [commands, words] of Object.entries(meant)) {
    const said = commands.split("|").map((one) => `"${one}"`).join(" or ");
    for (const word of words) {
      assertEquals(
        commandMeant([word], COMMANDS),
        `did you mean ${said}?`,
        word,
      );
    }
  }
  assertEquals(["bridge", "model", "x"].map(optionMeant), [
    "link",
    "driver",
    undefined,
  ]);
});
