/** The proxy itself: does it show and pass on everything, fds included? */
import { assert, assertEquals } from "@std/assert";
import { isAlive } from "../../tools/guest/process.ts";
import { eachRelease, makeImage } from "../lab/each_release.ts";
import { hiding, type ProxyMessage, QmpProxy, refusal } from "../lab/proxy.ts";
import { snapshot } from "../lab/snapshot.ts";
import { resultOf, spawnTool, tool } from "../lab/tool.ts";

eachRelease("QmpProxy shows and changes what is said", async (vm, t) => {
  const image = `${vm.runDir}/d1.img`;
  await makeImage(image, "x");
  const add = ["disk", "add", vm.name, image];
  const before = await snapshot(vm);
  await using proxy = QmpProxy.start(vm.qmpPath);

  await t.step("all pass, numbered, the fd with its command", async () => {
    const seen: ProxyMessage[] = [];
    const sent: number[] = [];
    proxy.hook = (message) => {
      seen.push(message);
      return "pass";
    };
    proxy.sent = ({ n }) => void sent.push(n);
    const { status, stderr } = await tool(vm, ...add);
    assertEquals([stderr, status], ["", 0]);
    await vm.waitGuest("test -b /dev/vda");
    assert(seen[0]?.message.QMP);
    assertEquals(seen.map(({ n }) => n), seen.map((_, i) => i + 1));
    assertEquals(sent.toSorted((a, b) => a - b), seen.map(({ n }) => n));
    const withFd = seen.filter(({ fds }) => fds > 0);
    assertEquals(withFd.map(({ message }) => message.execute), ["add-fd"]);
    const remove = await tool(vm, "disk", "remove", vm.name, "0");
    assertEquals([remove.stderr, remove.status], ["", 0]);
    assertEquals(await snapshot(vm), before);
    proxy.sent = () => {};
  });

  await t.step("hiding() makes a command unknown", async () => {
    proxy.hook = hiding("add-fd");
    const { status } = await tool(vm, ...add, "--via", "fdset");
    assertEquals(status, 3);
    assertEquals(await snapshot(vm), before);
  });

  await t.step("refusal() fails one command", async () => {
    proxy.hook = (one) =>
      one.message.execute === "device_add" ? refusal(one, "not today") : "pass";
    const { status, json } = await tool(vm, ...add);
    assertEquals([status, json.error.qmp.desc], [5, "not today"]);
    assertEquals(await snapshot(vm), before);
  });

  await t.step("a cut connection: the tool connects again", async () => {
    const { connections } = proxy;
    proxy.hook = ({ message, connection }) =>
      message.execute === "device_add" && connection === connections + 1
        ? "cut"
        : "pass";
    const { status } = await tool(vm, ...add);
    assertEquals(status, 5);
    assertEquals(proxy.connections, connections + 2);
    assertEquals(await snapshot(vm), before);
  });

  await t.step("the tool is killed before a message", async () => {
    let device: string | undefined;
    const process = spawnTool(vm, [...add, "--json"]);
    proxy.hook = ({ message }) => {
      if (message.execute !== "blockdev-add") return "pass";
      device = message.arguments["node-name"];
      process.kill("SIGKILL");
      return "drop";
    };
    const { status } = await resultOf(process);
    assertEquals(status, 137);
    assert(device);
    assertEquals((await snapshot(vm)).nodes, before.nodes);
  });

  await t.step("QEMU dies: connecting is refused, as without us", async () => {
    proxy.hook = async ({ message }) => {
      if (message.execute !== "query-pci") return "pass";
      await vm.kill();
      return "drop";
    };
    const died = await tool(vm, ...add);
    assertEquals(died.status, 4);
    assertEquals(await isAlive(vm.pid), false);
    const gone = await tool(vm, ...add);
    assertEquals([gone.status, gone.json.error.code], [4, "not-running"]);
  });
});
