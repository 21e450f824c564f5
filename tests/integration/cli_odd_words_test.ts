/** Odd words in files and arguments: no fault of the tool. */
import { assertEquals, assertMatch } from "@std/assert";
import {
  cli,
  diskEntry,
  Instance,
  NAME,
  NIC,
  nicEntry,
} from "../lab/scripted_instance.ts";

const COMMANDS = [
  ["list"],
  ["list", NAME],
  ["state", "show", NAME, "--verify"],
  ["state", "command", NAME],
  ["check", NAME],
  ["repair", NAME, "--dry-run"],
  ["repair", NAME],
  ["nic", "add", NAME, "--dry-run"],
  ["nic", "remove", NAME, "0", "--dry-run"],
];

/** The commands that are a fault of the tool, or end otherwise. */
async function faults(vm: Instance): Promise<string[]> {
  const wrong: string[] = [];
  for (const words of COMMANDS) {
    const ran = await vm.cli(...words);
    if (ran.status === 1) wrong.push(`${words.join(" ")}: ${ran.out}`);
  }
  return wrong;
}

Deno.test("a NIC file that names no interface is no fault of the tool", async () => {
  for (
    const content of ["tap\0x", "\0", "../../../etc", "\u202e", " ", "a b"]
  ) {
    await using vm = new Instance({ nics: [nicEntry(NIC.uuid, NIC.id)] });
    Deno.mkdirSync(vm.at(`nic/${NAME}`));
    Deno.writeTextFileSync(vm.at(`nic/${NAME}/0`), content);
    Deno.writeTextFileSync(vm.at(`nic/${NAME}/7`), content);
    assertEquals(await faults(vm), [], JSON.stringify(content));
    // Now the file alone tells which tap the NIC had.
    vm.peer.model.devices.delete(NIC.id);
    vm.peer.model.netdevs.delete(NIC.id);
    Deno.writeTextFileSync(vm.at(`nic/${NAME}/0`), content);
    assertEquals(await faults(vm), [], JSON.stringify(content));
  }
});

/** What every object of JavaScript has without having been given it. */
const INHERITED = ["constructor", "__proto__", "toString", "valueOf"];

Deno.test("words that every object has are no fault in a runtime file", async () => {
  for (const word of [...INHERITED, "a\0b", "\ud800"]) {
    const hvinfo = { driver: word, id: word, bus: word, addr: "0xd" };
    const disk = diskEntry(word, word, { dev_type: word, link: `/${word}` });
    const nic = nicEntry(word, word, {
      hvinfo,
      mac: word,
      nicparams: { mode: word, link: word, vlan: word },
      netinfo: { name: word, [word]: word },
      network: word,
    });
    const hvparams = { disk_type: word, nic_type: word, boot_order: word };
    await using vm = new Instance({ disks: [disk], nics: [nic], hvparams });
    assertEquals(await faults(vm), [], word);
  }
});

Deno.test("words that every object has are no fault in an argument", async () => {
  for (const word of INHERITED) {
    for (
      const words of [
        ["completion", word],
        ["completion", "words", word],
        ["completion", "words", "disk", word, ""],
        ["help", word],
        [word],
        ["disk", word],
        ["disk", "add", NAME, "/x", "--driver", word],
        ["disk", "add", NAME, "/x", "--cache", word],
        ["nic", "add", NAME, "--driver", word],
        ["nic", "add", NAME, "--mode", word],
      ]
    ) {
      const { status, err } = await cli(words);
      assertEquals(status === 1 ? err : "", "", words.join(" "));
    }
    await using vm = new Instance();
    for (const kind of ["disk", "nic"]) {
      const { status, out } = await vm.cli(kind, "remove", NAME, word);
      assertEquals(status, 3, out);
    }
  }
});

Deno.test("a runtime file of more than a MiB is refused", async () => {
  await using vm = new Instance();
  const text = vm.text.trimEnd();
  const most = 1024 * 1024;
  Deno.writeTextFileSync(vm.runtimePath, text.padEnd(most));
  assertEquals((await vm.cli("list", NAME)).status, 0);
  Deno.writeTextFileSync(vm.runtimePath, text.padEnd(most + 1));
  for (
    const words of [["state", "show", NAME], ["disk", "add", NAME, "/x"]]
  ) {
    const ran = await vm.cli(...words);
    const { code, message } = ran.json.error as Record<string, string>;
    assertEquals([ran.status, code], [3, "bad-state-file"], ran.out);
    assertMatch(message ?? "", /: it is larger than 1048576 bytes$/);
  }
});
