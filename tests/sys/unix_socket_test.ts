import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DeadlineError, SysError } from "../../lib/sys/errno.ts";
import { bytes, connection, openFds, PATIENCE, TempDir } from "./support.ts";

Deno.test("UnixSocket.sendAll() sends all when the peer reads slowly", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  const content = new Uint8Array(4 * 2 ** 20).map((_, index) => index * 7);
  const sending = pair.client.sendAll(content, PATIENCE);
  const received = new Uint8Array(content.length);
  let length = 0;
  while (length < content.length) {
    assertEquals(await pair.server.waitReadable(PATIENCE), "readable");
    const count = pair.server.receive(received.subarray(length));
    length += count === "would-block" ? NaN : count;
  }
  await sending;
  assertEquals(received, content);
});

Deno.test("UnixSocket.sendAll() gives up when nobody reads", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  const content = new Uint8Array(4 * 2 ** 20);
  await assertRejects(
    () => pair.client.sendAll(content, { timeoutMs: 50 }),
    DeadlineError,
    "not done within 50 ms",
  );
});

Deno.test("UnixSocket.sendAll() stops when aborted", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  const abort = new AbortController();
  const sending = pair.client.sendAll(
    new Uint8Array(4 * 2 ** 20),
    { ...PATIENCE, signal: abort.signal },
  );
  abort.abort(new RangeError("enough"));
  await assertRejects(() => sending, RangeError, "enough");
});

Deno.test("UnixSocket.sendAll() survives a peer that is gone", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  pair.server.close();
  const error = await assertRejects(
    () => pair.client.sendAll(bytes("x"), PATIENCE),
    SysError,
  ) as SysError;
  assertEquals(error.code, "EPIPE");
});

Deno.test("UnixSocket.sendAll() refuses to send nothing", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  await assertRejects(
    () => pair.client.sendAll(new Uint8Array(0), PATIENCE),
    RangeError,
  );
});

Deno.test("UnixSocket.receive() tells nothing yet, bytes, the end", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  const buffer = new Uint8Array(3);
  assertEquals(pair.server.receive(buffer), "would-block");
  await pair.client.sendAll(bytes("four"), PATIENCE);
  pair.client.close();
  assertEquals(pair.server.receive(buffer), 3);
  assertEquals(pair.server.receive(buffer), 1);
  assertEquals(await pair.server.waitReadable(PATIENCE), "readable");
  assertEquals(pair.server.receive(buffer), 0);
});

Deno.test("UnixSocket.receive() tells a connection that was reset", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  await pair.client.sendAll(bytes("never read"), PATIENCE);
  pair.server.close();
  const error = assertThrows(
    () => pair.client.receive(new Uint8Array(1)),
    SysError,
  );
  assertEquals((error as SysError).code, "ECONNRESET");
});

Deno.test("UnixSocket.waitReadable() waits for bytes to come", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  const waiting = pair.server.waitReadable(PATIENCE);
  await pair.client.sendAll(bytes("x"), PATIENCE);
  assertEquals(await waiting, "readable");
});

Deno.test("UnixSocket.waitReadable() ends when its time is over", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  const { server } = pair;
  assertEquals(await server.waitReadable({ timeoutMs: 0 }), "timeout");
  assertEquals(await server.waitReadable({ timeoutMs: 30 }), "timeout");
});

Deno.test("UnixSocket.waitReadable() is left at once when aborted", async () => {
  using dir = new TempDir();
  const before = openFds();
  const pair = await connection(dir);
  const abort = new AbortController();
  const options = { timeoutMs: 60_000, signal: abort.signal };
  const waiting = pair.server.waitReadable(options);
  const startMs = performance.now();
  abort.abort();
  assertEquals(await waiting, "aborted");
  assert(performance.now() - startMs < PATIENCE.timeoutMs);
  assertEquals(await pair.server.waitReadable(options), "aborted");
  pair[Symbol.dispose]();
  assertEquals(openFds(), before);
});

Deno.test("UnixSocket.peerCredentials() tells who listens", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  assertEquals(pair.client.peerCredentials(), {
    pid: Deno.pid,
    uid: Deno.uid() ?? -1,
    gid: Deno.gid() ?? -1,
  });
});
