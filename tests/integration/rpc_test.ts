/** `rpc`: JSON-RPC 2.0 on a stream, upon instances with a scripted QEMU. */
import { assertEquals, assertMatch } from "@std/assert";
import { main } from "../../lib/cli/main.ts";
import { codes, RpcClient } from "../lab/rpc_client.ts";
import {
  type Doc,
  Instance,
  NAME,
  NEW,
  NEW_DISK,
  NEW_NIC,
} from "../lab/scripted_instance.ts";

function rpcOn(vm: Instance): RpcClient {
  return new RpcClient("--run-dir", vm.runDir);
}

Deno.test("rpc answers with the documents of the command line", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const listed = await rpc.call("list", { instance: NAME });
  const list = await vm.cli("list", NAME);
  assertEquals(listed, { jsonrpc: "2.0", id: 1, result: list.json });
  const all = await rpc.call("list");
  assertEquals(all.result, (await vm.cli("list")).json);
  assertEquals(await rpc.end(), 0);
});

Deno.test("rpc takes operands and long options as keys", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const source = vm.image();
  const disk = { instance: NAME, source, uuid: NEW, name: "data", slot: 20 };
  const plan = await rpc.call("disk.add", { ...disk, dry_run: true });
  assertEquals((plan.result as Doc).dry_run, true);
  const added = (await rpc.call("disk.add", disk)).result as Doc;
  assertEquals([added.ok, added.changed], [true, true]);
  assertEquals((added.device as Doc).slot, 20);
  assertEquals(vm.peer.model.devices.has(NEW_DISK), true);
  const removed = await rpc.call("disk.remove", { instance: NAME, disk: 1 });
  assertEquals((removed.result as Doc).changed, true);
  const nic = { instance: NAME, uuid: NEW, vhost: false, id_scheme: "ganeti" };
  assertEquals(((await rpc.call("nic.add", nic)).result as Doc).changed, true);
  const gone = await rpc.call("nic.remove", { instance: NAME, nic: NEW_NIC });
  assertEquals((gone.result as Doc).changed, true);
  assertEquals(await rpc.end(), 0);
});

Deno.test("rpc takes operands that go on as arguments", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const instance = NAME;
  const status = { instance, command: "query-status" };
  // This QEMU has no schema: said alike by both.
  const { error } = await rpc.call("qmp", status);
  const cli = await vm.cli("qmp", NAME, "query-status");
  assertEquals((error as Doc).data, cli.json);
  const stdin = { instance, command: "qom-list", arguments: ["-"] };
  assertEquals(codes(await rpc.call("qmp", stdin)), [-32002, "usage"]);
  const topic = { command: "disk add" };
  assertEquals(((await rpc.call("help", topic)).result as Doc).ok, true);
});

Deno.test("rpc answers a failure by its status and document", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const none = await rpc.call("disk.remove", { instance: NAME, disk: "none" });
  assertEquals(codes(none), [-32003, "no-such-device"]);
  const cli = await vm.cli("disk", "remove", NAME, "none");
  assertEquals((none.error as Doc).data, cli.json);
  await vm.peer.die();
  const dead = await rpc.call("disk.remove", { instance: NAME, disk: 0 });
  assertEquals(codes(dead), [-32004, "not-running"]);
});

Deno.test("rpc refuses parameters it does not know", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const cases: [string, Doc, RegExp][] = [
    ["disk.add", { instance: NAME, sorce: "/x" }, /Unknown key "sorce"/],
    ["disk.add", { instance: NAME }, /^disk\.add needs the key "source"$/],
    ["disk.add", { source: "/x" }, /^disk\.add needs the key "instance"$/],
    ["disk.add", { instance: NAME, source: ["/x"] }, /"source" must be a text/],
    ["disk.add", { instance: NAME, source: "/x", slot: "1f" }, /--slot must/],
    ["disk.add", { instance: "../x", source: "/x" }, /Not an instance name/],
    ["disk.add", { instance: NAME, source: "/x\0" }, /SOURCE must be a path/],
    ["disk.remove", { instance: NAME, disk: 0, force: 1 }, /"force" must be/],
    ["disk.remove", { instance: NAME, disk: 0, dry_run: 1 }, /"dry_run" must/],
    ["disk.add", { instance: NAME, source: "/x", name: null }, /be null/],
    ["disk.add", { instance: null, source: "/x" }, /"instance" must not be/],
    ["list", { "run-dir": "/x", run_dir: "/x" }, /"run_dir" is given twice/],
    ["list", { json: true }, /Unknown key "json"/],
    ["list", { constructor: "x" }, /Unknown key/],
  ];
  for (const [method, params, message] of cases) {
    const answer = await rpc.call(method, params);
    assertEquals(codes(answer), [-32002, "usage"], JSON.stringify(params));
    const { instance } = (answer.error as Doc).data as Doc;
    assertEquals(instance, params.instance ?? null);
    assertMatch(String((answer.error as Doc).message), message);
  }
  assertEquals(vm.peer.calls, []);
});

Deno.test("rpc.discover gives the OpenRPC document, as schema --openrpc does", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const { openrpc, info, methods, ...rest } = (await rpc.call("rpc.discover"))
    .result as Doc;
  assertEquals([openrpc, typeof (info as Doc).title], ["1.3.2", "string"]);
  assertEquals(Object.keys(rest), ["components"]);
  const { json } = await vm.cli("schema", "--openrpc");
  assertEquals((json.openrpc as Doc).methods, methods);
  const result = (await rpc.call("schema")).result as Doc;
  assertEquals(result.$schema, (await vm.cli("schema")).json.$schema);
  const wrong = await rpc.call("rpc.discover", { method: "list" });
  assertEquals(codes(wrong), [-32002, "usage"]);
});

Deno.test("rpc answers what is no request by JSON-RPC's own codes", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const cases: [string, number][] = [
    ["{", -32700],
    [`"${"x".repeat(16 * 1024 * 1024)}"`, -32700],
    ["1", -32600],
    ["[]", -32600],
    ['{"method": "list"}', -32600],
    ['{"jsonrpc": "2.0", "method": 1}', -32600],
    ['{"jsonrpc": "2.0", "method": "list", "params": "bar"}', -32600],
    ['{"jsonrpc": "2.0", "id": {}, "method": "list"}', -32600],
    [JSON.stringify(Array(1001).fill(1)), -32600],
  ];
  for (const [text, code] of cases) {
    await rpc.sendText(text + "\r\n\n");
    const { id, error } = await rpc.answer();
    assertEquals([id, (error as Doc).code], [null, code], text.slice(0, 60));
  }
  assertEquals(codes(await rpc.call("nope"))[0], -32601);
  for (const stream of ["rpc", "events", "shell", "completion"]) {
    const answer = await rpc.call(stream);
    assertEquals(codes(answer)[0], -32601, stream);
    assertMatch(String((answer.error as Doc).message), /no single answer$/);
  }
  assertEquals(codes(await rpc.call("list", [NAME]))[0], -32602);
});

Deno.test("rpc answers what is no request by its id, where it has one", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  for (
    const rest of [
      '"method": "list"',
      '"jsonrpc": "1.0", "method": "list"',
      '"jsonrpc": "2.0", "method": 1',
      '"jsonrpc": "2.0", "method": "list", "params": "bar"',
      '"jsonrpc": "2.0", "method": "list", "params": null',
    ]
  ) {
    await rpc.sendText(`{"id": "a1", ${rest}}\n`);
    const { id, error } = await rpc.answer();
    assertEquals([id, (error as Doc).code], ["a1", -32600], rest);
  }
});

Deno.test("rpc gives an id back to the letter", async () => {
  await using vm = new Instance();
  let out = "";
  const text = '{"jsonrpc":"2.0","id":1.50e1,"method":"list"}';
  const status = await main({
    args: ["rpc", "--run-dir", vm.runDir],
    env: () => undefined,
    signal: new AbortController().signal,
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    readInput: () => "",
    out: () => {},
    err: () => {},
    streams: () => ({
      // Without a line break: the last line counts all the same.
      input: ReadableStream.from([new TextEncoder().encode(text)]),
      write: (line) => {
        out += line;
        return Promise.resolve("written");
      },
    }),
  });
  assertEquals(status, 0);
  assertMatch(
    out,
    /^\{"jsonrpc":"2.0","id":1.50e1,"result":\{"schema":1,"ok":true/,
  );
});

Deno.test("rpc answers a batch as one and notifications never", async () => {
  await using vm = new Instance();
  await using rpc = rpcOn(vm);
  const list = { jsonrpc: "2.0", method: "list" };
  await rpc.sendText(JSON.stringify([list, { ...list, method: "?" }]) + "\n");
  const batch = [{ ...list, id: "a" }, list, { ...list, id: 9 }, 1];
  await rpc.sendText(JSON.stringify(batch) + "\n");
  const answers = await rpc.answer() as unknown as Doc[];
  assertEquals(answers.map(({ id }) => id), ["a", 9, null]);
  const add = { instance: NAME, source: vm.image(), uuid: NEW };
  await rpc.send({ method: "disk.add", params: add });
  assertEquals(await rpc.end(), 0);
  assertEquals(vm.peer.model.devices.has(NEW_DISK), true);
});

Deno.test("rpc serves instances side by side, each in order", async () => {
  await using slow = new Instance();
  await using quick = new Instance();
  await using rpc = rpcOn(slow);
  slow.peer.guest = "is silent";
  const add = { instance: NAME, source: slow.image(), uuid: NEW };
  await rpc.send({ id: "add", method: "disk.add", params: add });
  const remove = { instance: NAME, disk: NEW };
  await rpc.send({ id: "remove", method: "disk.remove", params: remove });
  await rpc.send({ id: "list", method: "list", params: { instance: NAME } });
  assertEquals((await rpc.answer()).id, "add");
  // The guest of one is asked and silent: the other is served.
  const other = { instance: NAME, "run-dir": quick.runDir };
  const disk = { ...other, source: quick.image(), uuid: NEW };
  await rpc.send({ id: "other", method: "disk.add", params: disk });
  assertEquals((await rpc.answer()).id, "other");
  assertEquals(quick.peer.model.devices.has(NEW_DISK), true);
  while (!slow.peer.changes().includes("device_del")) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await slow.peer.release(NEW_DISK);
  assertEquals((await rpc.answer()).id, "remove");
  assertEquals((await rpc.answer()).id, "list");
  assertEquals(await rpc.end(), 0);
});

Deno.test("rpc finishes what runs when it is told to end", async () => {
  for (const end of ["signal", "reader"] as const) {
    await using vm = new Instance();
    await using rpc = rpcOn(vm);
    vm.peer.guest = "is silent";
    const add = { instance: NAME, source: vm.image(), uuid: NEW };
    const remove = { instance: NAME, disk: NEW };
    vm.peer.once("device_del", {
      meanwhile: () => end === "signal" ? rpc.signal() : rpc.readerGoes(),
    });
    await rpc.send({ id: 1, method: "disk.add", params: add });
    assertEquals(((await rpc.answer()).result as Doc).changed, true);
    const short = { ...remove, "unplug-timeout": 0.2 };
    await rpc.send({ id: 2, method: "disk.remove", params: short });
    if (end === "signal") {
      await rpc.send({ id: 3, method: "disk.remove", params: short });
      assertEquals(codes(await rpc.answer()), [-32006, "unplug-pending"]);
      assertEquals(codes(await rpc.answer()), [-32003, "refused"]);
    }
    assertEquals(await rpc.ended, 0);
    const asked = vm.peer.changes().filter((one) => one === "device_del");
    assertEquals(asked.length, 1);
  }
});
