import { assertEquals } from "@std/assert";
import { TestTerminal } from "../lab/terminal.ts";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { documentOf } from "../support/document.ts";
import { EXECUTABLE } from "../lab/tool.ts";
import type { Vm } from "../lab/vm.ts";

async function openShell(vm: Vm): Promise<TestTerminal> {
  const terminal = await TestTerminal.start(
    ["sh", "-c", `${EXECUTABLE} shell ${vm.name}; echo "status $?"; cat`],
    { KVM_HOTPLUG_RUN_DIR: vm.runDir, XDG_STATE_HOME: `${vm.runDir}/state` },
  );
  await terminal.see(/vm1\.example\.com> *$/);
  return terminal;
}

async function say(terminal: TestTerminal, line: string) {
  await terminal.type(line);
  await terminal.press("Enter");
}

eachRelease("shell completes, helps and speaks QMP", async (vm) => {
  await using terminal = await openShell(vm);
  await terminal.type("query-na");
  await terminal.press("Tab");
  await terminal.see(/> query-name(d-block-nodes)? *$/);
  await terminal.press("C-u");
  await say(terminal, "query-name");
  await terminal.see(/"name": "vm1\.example\.com"/);
  await terminal.press("Up");
  await terminal.see(/> query-name *$/);
  await terminal.press("C-u");
  await terminal.type("set_link na");
  await terminal.press("Tab");
  await terminal.see(/> set_link name= *$/);
  await terminal.press("C-u");
  // Two tabs at once, as they come over a slow line.
  await terminal.type("set_link name=x up=");
  await terminal.press("Tab", "Tab");
  await terminal.see(/up=true +up=false\n[^]*> set_link name=x up=$/);
  await terminal.press("C-u");
  await terminal.type("device_add driver=virtio-net-p");
  await terminal.press("Tab");
  await terminal.type("netd");
  await terminal.press("Tab");
  await terminal.see(/> device_add driver=virtio-net-pci netdev=$/);
  await terminal.press("C-u");
  await say(terminal, 'human-monitor-command command-line="info status"');
  await terminal.see(/^VM status: running$/m);
  await say(terminal, "help disk");
  await terminal.see(/^ +disk remove DISK/m);
  await say(terminal, "help set_link");
  await terminal.see(/name +needed +string/);
  await say(terminal, "query-statu");
  await terminal.see(/did you mean query-status/);
  await say(terminal, "quit");
  await terminal.see(/to end this shell, type: exit/);
  await terminal.press("C-d");
  await terminal.see(/^status 0$/m);
  assertEquals(
    (await vm.qmp.execute<{ status: string }>("query-status"))
      .status,
    "running",
  );
}, { guest: "none" });

eachRelease("shell shows events without tearing the line", async (vm) => {
  await using terminal = await openShell(vm);
  await terminal.type("query-");
  await terminal.see(/> query-$/);
  await vm.qmp.execute("stop");
  const screen = await terminal.see(/ STOP\n.*> query-$/);
  assertEquals(screen.match(/query-/g)?.length, 1, screen);
  await terminal.type("status");
  await terminal.press("Enter");
  await terminal.see(/"status": "paused"/);
  await say(terminal, "qmp quit");
  await terminal.see(/The VM has ended\./);
  await terminal.see(/^status 0$/m);
}, { guest: "none" });

eachRelease("shell plugs and unplugs its VM's devices", async (vm) => {
  await makeImage(`${vm.runDir}/d1.img`, "shell");
  await using terminal = await openShell(vm);
  await say(terminal, `disk add ${vm.runDir}/d1.img --name data`);
  await terminal.see(/Added disk 0 "data"/);
  await terminal.type("disk rem");
  await terminal.press("Tab");
  await terminal.type("da");
  await terminal.press("Tab");
  await terminal.see(/> disk remove data *$/);
  await terminal.press("Enter");
  await terminal.see(/Removed disk 0 "data"/);
  await vm.guest("hotplug off");
  await say(terminal, `disk add ${vm.runDir}/d1.img --name data`);
  await terminal.see(/(Added[^]*){2}/);
  await say(terminal, "disk remove data");
  // In one place, not a line for each second.
  const screen = await terminal.see(/: 2 s of 30 \(Ctrl-C stops waiting\)/);
  assertEquals(screen.match(/s of 30/g)?.length, 1, screen);
  // The guest is deaf: Ctrl-C ends the waiting and not the shell.
  await terminal.press("C-c");
  await terminal.see(/The guest has not released/);
  await say(terminal, "exit");
  await terminal.see(/^status 0$/m);
});

eachRelease("shell takes lines from a pipe", async (vm) => {
  const process = new Deno.Command(EXECUTABLE, {
    args: ["shell", vm.name, "--json"],
    env: { KVM_HOTPLUG_RUN_DIR: vm.runDir },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(
    new TextEncoder().encode('query-name\nnonsense\nqom-get {"path":"/"}\n'),
  );
  await writer.close();
  const { code, stdout } = await process.output();
  const lines = new TextDecoder().decode(stdout).trim().split("\n")
    .map((line) => documentOf(line, ["shell"]));
  assertEquals(code, 0);
  assertEquals(lines.map(({ ok }) => ok), [true, false, false]);
  assertEquals(lines[0]?.return, { name: vm.name });

  // A full disk is no reader that has gone.
  const script = 'echo query-name | "$@" >/dev/full';
  const full = await new Deno.Command("/bin/sh", {
    args: ["-c", script, "sh", EXECUTABLE, "shell", vm.name],
    env: { KVM_HOTPLUG_RUN_DIR: vm.runDir },
  }).output();
  const told = new TextDecoder().decode(full.stderr);
  assertEquals(
    [full.code, /^.*Cannot write .*\n$/.test(told)],
    [5, true],
    told,
  );
}, { guest: "none" });

eachRelease("shell keeps what was typed for the next one", async (vm) => {
  const file = `${vm.runDir}/state/kvm-hotplug/shell_history`;
  {
    await using terminal = await openShell(vm);
    await say(terminal, "query-name");
    await terminal.see(/"name": "vm1\.example\.com"/);
    await say(terminal, "query-status password=secret");
    await terminal.see(/Unknown argument password[^]*> *$/);
    await say(terminal, "exit");
    await terminal.see(/^status 0$/m);
  }
  assertEquals(Deno.readTextFileSync(file), "query-name\nexit\n");
  await using terminal = await openShell(vm);
  await terminal.press("Up", "Up");
  await terminal.see(/> query-name *$/);
  await terminal.press("C-u", "C-d");
  await terminal.see(/^status 0$/m);
}, { guest: "none" });
