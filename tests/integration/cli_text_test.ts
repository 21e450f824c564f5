/**
 * What a person reads of the commands, whole: a wrong word, a row that is
 * missing or in another place. Where texts were changed on purpose, run this
 * with TEXTS=write, and look at the difference in tests/testdata/text.
 */
import { assertEquals } from "@std/assert";
import { cli, Instance, NAME, NEW, TAP } from "../lab/scripted_instance.ts";
import { ending, pretend } from "../lab/pretend.ts";

const TEXTS = new URL("../testdata/text/", import.meta.url);

/** The same on every node, and in every run. */
function anonymous(text: string, vm: Instance, pid: number | undefined) {
  return text.replaceAll(vm.runDir, "/run/ganeti")
    .replaceAll(/runtime[a-z0-9]{8}\.new/g, "runtimeXXXXXXXX.new")
    .replaceAll(TAP, "TAP")
    // Where the lines of prose end depends on the lengths of path and pid.
    .replaceAll(
      /The link\s[^]*?\sback\s+at\s+\S+|\S+,\s+1\s+MiB,\s+raw,\s+virtio-blk-pci/g,
      (all) => all.replaceAll(/\s+/g, " "),
    )
    // In a container every process has one.
    .replace(", seccomp filter", "")
    .replaceAll(new RegExp(`\\b${pid}\\b`, "g"), "PID");
}

const image = (vm: Instance) => vm.image();

/** By the file that holds the text: the words, and what is there before. */
const COMMANDS: readonly (readonly [
  name: string,
  words: readonly (string | ((vm: Instance) => string))[],
  prepare?: (vm: Instance) => void,
])[] = [
  ["check", ["check", NAME]],
  ["check-lacking", ["check", NAME], ({ peer: { model } }) => {
    for (const name of ["device_add", "getfd", "add-fd"]) {
      model.commands.delete(name);
    }
    model.runState = "inmigrate";
    model.migration = "active";
  }],
  // The socket is that of another VM.
  ["check-foreign", ["check", NAME], ({ peer }) => {
    peer.model.name = "vm2";
  }],
  ["repair-foreign", ["repair", NAME], ({ peer }) => {
    peer.model.name = "vm2";
  }],
  ["check-uid", ["check", NAME], (vm) => {
    Deno.writeTextFileSync(vm.at(`uid/${NAME}`), "30001\n");
  }],
  ["list", ["list", NAME]],
  ["list-json", ["list", NAME, "--json"]],
  ["list-down", ["list", NAME, "--json"], (vm) => {
    Deno.removeSync(vm.qmpPath);
  }],
  ["list-all", ["list"]],
  ["pci", ["pci", NAME]],
  ["repair", ["repair", NAME]],
  ["repair-dry-run", ["repair", NAME, "--dry-run"]],
  ["repair-remaining", ["repair", NAME], ({ peer: { model } }) => {
    model.devices.delete("disk-d0000000-1111-4111");
  }],
  ["state-show", ["state", "show", NAME]],
  ["state-show-verify", ["state", "show", NAME, "--verify"]],
  ["state-show-differs", ["state", "show", NAME, "--verify"], ({ peer }) => {
    peer.model.devices.delete("disk-d0000000-1111-4111");
  }],
  ["state-command", ["state", "command", NAME]],
  ["disk-add", [
    ...["disk", "add", NAME, image, "--uuid", NEW, "--dry-run"],
    ...["--iops", "500", "--name", "data"],
  ]],
  ["disk-add-path", [
    ...["disk", "add", NAME, image, "--uuid", NEW, "--dry-run"],
    ...["--via", "path"],
  ]],
  ["disk-remove", ["disk", "remove", NAME, "0", "--dry-run"]],
  ["nic-add", [
    ...["nic", "add", NAME, "--uuid", NEW, "--mac", "aa:00:00:00:00:55"],
    ...["--tap", TAP, "--mode", "none", "--dry-run"],
  ]],
  ["nic-modify", [
    ...["nic", "modify", NAME, "0", "--link-state", "down", "--dry-run"],
  ]],
  ["nic-remove", ["nic", "remove", NAME, "0", "--dry-run"]],
  ["refused", ["disk", "remove", NAME, "nosuch"]],
  ["group", ["disk"]],
  ["group-help", ["disk", "--help"]],
  ["unknown-option", ["disk", "add", NAME, "/x", "--formt", "raw"]],
];

/** Those that tell more where QEMU's process is known. */
const TELLING = [
  ...["check", "check-uid", "list", "pci", "repair"],
  ...["disk-add-path", "nic-add"],
];

for (const process of ["unknown", "known"] as const) {
  Deno.test(`what a person reads, QEMU's process being ${process}`, async (t) => {
    for (const [name, words, prepare] of COMMANDS) {
      if (process === "known" && !TELLING.includes(name)) continue;
      await t.step(name, async () => {
        await using vm = new Instance();
        prepare?.(vm);
        const child = process === "known" ? await pretend(vm, NAME) : undefined;
        const given = words.map((one) =>
          typeof one === "string" ? one : one(vm)
        );
        const { status, out, err } = await cli([
          ...["--run-dir", vm.runDir],
          ...given,
        ]);
        const whole = `status ${status}\n${out}${err && `--\n${err}`}`;
        const text = anonymous(whole, vm, child?.pid);
        if (child !== undefined) await ending(child);
        const file = new URL(`${name}-${process}.txt`, TEXTS);
        if (Deno.env.get("TEXTS") === "write") {
          Deno.writeTextFileSync(file, text);
        }
        assertEquals(text, Deno.readTextFileSync(file));
      });
    }
  });
}
