import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DeadlineError, SysError } from "../../lib/sys/errno.ts";
import { UnixListener } from "../lab/unix_listener.ts";
import { UnixSocket } from "../../lib/sys/unix_socket.ts";
import { bytes, openFds, PATIENCE, TempDir, text } from "./support.ts";

async function code(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, SysError) as SysError).code;
}

Deno.test("UnixSocket.connect() goes by a path of 200 bytes", async () => {
  using dir = new TempDir();
  const deep = dir.at("d".repeat(200));
  Deno.mkdirSync(deep);
  const path = `${deep}/sock`;
  using listener = UnixListener.bind(path);
  using client = await UnixSocket.connect(path, PATIENCE);
  using server = await listener.accept(PATIENCE);
  await client.sendAll(bytes("hello"), PATIENCE);
  const buffer = new Uint8Array(10);
  assertEquals(await server.waitReadable(PATIENCE), "readable");
  assertEquals(server.receive(buffer), 5);
  assertEquals(text(buffer.subarray(0, 5)), "hello");
});

Deno.test("UnixSocket.connect() tells why it cannot", async () => {
  using dir = new TempDir();
  const before = openFds();
  const connect = (name: string) =>
    code(UnixSocket.connect(dir.at(name), PATIENCE));
  dir.file("file", "");
  UnixListener.bind(dir.at("dead")).close();
  assertEquals(await connect("nothing"), "ENOENT");
  assertEquals(await connect("file"), "ENOTSOCK");
  assertEquals(await connect("."), "ENOTSOCK");
  assertEquals(await connect("dead"), "ECONNREFUSED");
  assertEquals(openFds(), before);
});

/** Fills the queue of a listener with a backlog of 1. */
async function fillQueue(path: string): Promise<UnixSocket[]> {
  return [
    await UnixSocket.connect(path, PATIENCE),
    await UnixSocket.connect(path, PATIENCE),
  ];
}

Deno.test("UnixSocket.connect() gives up on a full queue", async () => {
  using dir = new TempDir();
  const path = dir.at("sock");
  using _listener = UnixListener.bind(path, 1);
  const waiting = await fillQueue(path);
  const before = openFds();
  const error = await assertRejects(
    () => UnixSocket.connect(path, { timeoutMs: 50 }),
    DeadlineError,
  ) as DeadlineError;
  assertEquals([error.what, error.timeoutMs], [`connect ${path}`, 50]);
  assertEquals(openFds(), before);
  for (const socket of waiting) socket.close();
});

Deno.test("UnixSocket.connect() takes the place that becomes free", async () => {
  using dir = new TempDir();
  const path = dir.at("sock");
  using listener = UnixListener.bind(path, 1);
  const waiting = await fillQueue(path);
  const connecting = UnixSocket.connect(path, PATIENCE);
  (await listener.accept(PATIENCE)).close();
  (await connecting).close();
  for (const socket of waiting) socket.close();
});

Deno.test("UnixSocket.connect() stops when aborted", async () => {
  using dir = new TempDir();
  const path = dir.at("sock");
  using _listener = UnixListener.bind(path, 1);
  const waiting = await fillQueue(path);
  const before = openFds();
  const abort = new AbortController();
  const { signal } = abort;
  const connecting = UnixSocket.connect(path, { ...PATIENCE, signal });
  abort.abort(new RangeError("enough"));
  await assertRejects(() => connecting, RangeError, "enough");
  assertEquals(openFds(), before);
  for (const socket of waiting) socket.close();
});

Deno.test("UnixListener.accept() ends at its deadline or when aborted", async () => {
  using dir = new TempDir();
  using listener = UnixListener.bind(dir.at("sock"));
  await assertRejects(
    () => listener.accept({ timeoutMs: 20 }),
    DeadlineError,
  );
  const abort = new AbortController();
  const accepting = listener.accept({ ...PATIENCE, signal: abort.signal });
  abort.abort(new RangeError("enough"));
  await assertRejects(() => accepting, RangeError, "enough");
});

Deno.test("UnixListener.bind() leaves nothing open when refused", () => {
  using dir = new TempDir();
  using _listener = UnixListener.bind(dir.at("sock"));
  const before = openFds();
  const error = assertThrows(() => UnixListener.bind(dir.at("sock")), SysError);
  assertEquals((error as SysError).code, "EADDRINUSE");
  assertEquals(openFds(), before);
});
