import { assertEquals } from "@std/assert";
import { eachRelease } from "../lab/each_release.ts";
import { EXECUTABLE, tool } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

const HINT = "did you mean query-status or query-stats?";

async function refusal(vm: Vm, ...words: string[]) {
  const { status, json } = await tool(vm, "qmp", vm.name, ...words);
  return { status, message: json.error.message, hint: json.error.hint };
}

async function answered(vm: Vm, ...words: string[]) {
  const { status, json, stdout } = await tool(vm, "qmp", vm.name, ...words);
  assertEquals(status, 0, stdout);
  return json;
}

eachRelease("qmp sends what the schema knows", async (vm) => {
  assertEquals(await answered(vm, "query-name"), {
    ok: true,
    instance: vm.name,
    command: "query-name",
    return: { name: vm.name },
    warnings: [],
  });
  const words = [
    "blockdev-add",
    "driver=raw",
    "node-name=one",
    "read-only=on",
    "file.driver=null-co",
    "file.size=1048576",
    "file.read-only=on",
  ];
  assertEquals((await answered(vm, ...words)).return, {});
  const again = await tool(vm, "qmp", vm.name, ...words);
  assertEquals(again.status, 5);
  assertEquals(again.json.error.code, "qmp-error");
  assertEquals(again.json.error.qmp.command, "blockdev-add");
  assertEquals(again.json.error.qmp.class, "GenericError");
  await answered(vm, "blockdev-del", '{"node-name":"one"}');
}, { guest: "none" });

eachRelease("qmp refuses unknown words before they are sent", async (vm) => {
  assertEquals(await refusal(vm, "query-statu"), {
    status: 3,
    message: 'This QEMU has no command "query-statu"',
    hint: HINT,
  });
  assertEquals(await refusal(vm, "getfd", "fdnam=a"), {
    status: 3,
    message: "Unknown argument fdnam",
    hint: "did you mean fdname?",
  });
  const device = ["device_add", "driver=virtio-net-pci", "id=x", "bus=pci.0"];
  assertEquals(await refusal(vm, ...device, "mack=1"), {
    status: 3,
    message: "Unknown argument mack",
    hint: "did you mean mac?",
  });
  assertEquals((await refusal(vm, "query-status", "loose")).status, 2);
  assertEquals((await refusal(vm, "query-status", "{")).status, 2);
}, { guest: "none" });

eachRelease("qmp passes a file and takes a socket's path", async (vm) => {
  const path = `${vm.runDir}/passed`;
  await Deno.writeTextFile(path, "");
  const add = await answered(vm, "add-fd", "fdset-id=7", `@fd:${path}`);
  assertEquals(add.return["fdset-id"], 7);
  const held = await Deno.readLink(`/proc/${vm.pid}/fd/${add.return.fd}`);
  assertEquals(held, path);
  assertEquals((await refusal(vm, "query-status", `@fd:${path}`)).status, 3);
  const socket = await tool(vm, "qmp", vm.layout.qmp, "query-status");
  assertEquals(socket.json.return.status, "running", socket.stdout);
}, { guest: "none" });

eachRelease("qmp reads arguments from stdin", async (vm) => {
  const process = new Deno.Command(EXECUTABLE, {
    args: ["qmp", vm.name, "qom-get", "-"],
    env: { KVM_HOTPLUG_RUN_DIR: vm.runDir },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(
    new TextEncoder().encode('{"path":"/machine","property":"type"}'),
  );
  await writer.close();
  const { code, stdout } = await process.output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(
    [code, /^"pc-i440fx-.*-machine"\n$/.test(text)],
    [0, true],
    text,
  );
}, { guest: "none" });
