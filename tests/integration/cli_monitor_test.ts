/** Reaching QEMU: every way in which it cannot be asked is status 4. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { MAX_MESSAGE_BYTES } from "../../lib/qmp/message.ts";
import { UnixListener } from "../lab/unix_listener.ts";
import { event, GREETING } from "../lab/scripted_behaviour.ts";
import { withHolder } from "../lab/hold.ts";
import { ScriptedPeer } from "../lab/scripted_peer.ts";
import {
  assertFailed,
  assertUnchanged,
  cli,
  files,
  Instance,
  NAME,
  type Ran,
} from "../lab/scripted_instance.ts";

const SOON = ["--timeout", "0.2"];

async function add(vm: Instance, ...more: string[]): Promise<Ran> {
  return await vm.cli("disk", "add", NAME, `${vm.runDir}/disk.img`, ...more);
}

function prepared(): Instance {
  const vm = new Instance();
  vm.image();
  return vm;
}

/** An instance whose socket is something else. */
async function withSocket(make: (path: string) => void): Promise<Instance> {
  const vm = prepared();
  await vm.peer.die();
  Deno.removeSync(vm.qmpPath);
  make(vm.qmpPath);
  return vm;
}

Deno.test("a monitor that another process holds: monitor-busy names it", async () => {
  await using vm = prepared();
  const before = files(vm.runDir);
  await withHolder(vm.qmpPath, async (pid) => {
    const ran = await cliWithoutIdle(vm);
    const { message, hint } = assertFailed(ran, 4, "monitor-busy");
    assertMatch(message, new RegExp(`pid ${pid}`));
    assertMatch(message, /hold_monitor/);
    assertEquals(typeof hint, "string");
  });
  assertEquals(files(vm.runDir), before);
});

/** The holder stays connected: the peer does not become idle. */
async function cliWithoutIdle(vm: Instance): Promise<Ran> {
  const source = `${vm.runDir}/disk.img`;
  const words = ["disk", "add", NAME, source, ...SOON];
  return await cli(["--run-dir", vm.runDir, "--json", ...words]);
}

Deno.test("a monitor that is given up in time is used", async () => {
  await using vm = prepared();
  let adding: Promise<Ran> | undefined;
  await withHolder(vm.qmpPath, async () => {
    adding = add(vm);
    await Promise.resolve();
  });
  const ran = await adding;
  assertEquals(ran?.status, 0, ran?.out);
});

Deno.test("a socket that accepts and never greets: monitor-busy, as a proxy's", async () => {
  await using vm = prepared();
  vm.peer.greeting = null;
  await assertUnchanged(vm, async () => {
    assertFailed(await add(vm, ...SOON), 4, "monitor-busy");
  });
  assertEquals(vm.peer.calls, []);
});

Deno.test("a listener that never accepts: monitor-timeout", async () => {
  let listener: UnixListener | undefined;
  await using vm = await withSocket((path) => {
    listener = UnixListener.bind(path);
  });
  await assertUnchanged(vm, async () => {
    assertFailed(await add(vm, ...SOON), 4, "monitor-timeout");
  });
  listener?.close();
});

Deno.test("no socket, no listener, no socket file: not-running", async () => {
  const places: Record<string, (path: string) => void> = {
    missing: () => {},
    refused: (path) => UnixListener.bind(path).close(),
    file: (path) => Deno.writeTextFileSync(path, ""),
    directory: (path) => Deno.mkdirSync(path),
    "dangling link": (path) => Deno.symlinkSync("/nowhere", path),
    "link to itself": (path) => Deno.symlinkSync(path, path),
  };
  for (const [what, make] of Object.entries(places)) {
    await using vm = await withSocket(make);
    await assertUnchanged(vm, async () => {
      const ran = await add(vm);
      assertEquals(ran.status, 4, `${what}: ${ran.out}`);
      const { message } = assertFailed(ran, 4, "not-running");
      assertMatch(message, new RegExp(vm.qmpPath));
    });
  }
});

Deno.test("a peer that does not speak QMP: not-running", async () => {
  const greetings: Record<string, string | Uint8Array> = {
    "a line of text": "220 mail.example.com ESMTP\r\n",
    "no JSON": "{\r\n",
    "an array": "[]\r\n",
    "a number": "1\r\n",
    "null": "null\r\n",
    "a stranger": '{"hello":1}\r\n',
    "no object in it": '{"QMP":1}\r\n',
    "bytes": new Uint8Array([0xff, 0xfe, 0x00, 0x0a]),
    "an error without a form": '{"error":{"class":{"toString":1},"desc":1}}\n' +
      "x\n",
  };
  for (const [what, greeting] of Object.entries(greetings)) {
    await using vm = prepared();
    vm.peer.greeting = greeting;
    await assertUnchanged(vm, async () => {
      const ran = await add(vm, ...SOON);
      assertEquals(ran.status, 4, `${what}: ${ran.out}`);
      assertFailed(ran, 4, "not-running");
    });
  }
});

Deno.test("a peer that closes instead of greeting: not-running", async () => {
  await using vm = prepared();
  vm.peer.greeting = "";
  vm.peer.closeOnAccept = true;
  await assertUnchanged(vm, async () => {
    assertFailed(await add(vm), 4, "not-running");
  });
});

Deno.test("a line without an end is given up at 16 MiB", async () => {
  await using vm = prepared();
  const line = new Uint8Array(MAX_MESSAGE_BYTES + 70_000).fill(0x20);
  vm.peer.once("query-status", { raw: line });
  await assertUnchanged(vm, async () => {
    assertFailed(await add(vm), 4, "not-running");
  });
});

Deno.test("a reply of almost 16 MiB is a reply", async () => {
  await using vm = prepared();
  vm.peer.once("query-name", (call) => ({
    raw: `${" ".repeat(MAX_MESSAGE_BYTES - 200)}${
      JSON.stringify({ return: { name: NAME }, id: call.id })
    }\r\n`,
  }));
  assertEquals((await add(vm)).status, 0);
});

Deno.test("a greeting after events, in pieces, joined with them, is one", async () => {
  const noise = JSON.stringify(event("RESUME")) + "\r\n";
  const greeting = `${JSON.stringify(GREETING)}\r\n`;
  for (const bytesPerWrite of [Infinity, 40]) {
    await using vm = prepared();
    vm.peer.greeting = noise + noise + greeting + noise;
    vm.peer.bytesPerWrite = bytesPerWrite;
    const ran = await add(vm);
    assertEquals(ran.status, 0, ran.out);
  }
});

Deno.test("--qmp takes a path of 200 bytes", async () => {
  await using vm = prepared();
  const deep = `${vm.runDir}/${"d".repeat(200)}`;
  Deno.mkdirSync(deep);
  await using peer = new ScriptedPeer(`${deep}/sock`);
  const ran = await add(vm, "--qmp", `${deep}/sock`);
  assertEquals(ran.status, 0, ran.out);
  assert(peer.changes().includes("device_add"));
  assertEquals(vm.peer.calls, []);
});
