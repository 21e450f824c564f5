import { assert, assertEquals, assertRejects } from "@std/assert";
import { SysError } from "../../lib/sys/errno.ts";
import type { Fd } from "../../lib/sys/fd.ts";
import { openFile, writeAll } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import type { UnixSocket } from "../../lib/sys/unix_socket.ts";
import { receiveMessage } from "../lab/receive_message.ts";
import {
  bytes,
  connection,
  openFds,
  PATIENCE,
  TempDir,
  text,
} from "./support.ts";

async function receive(socket: UnixSocket, buffer: Uint8Array) {
  assertEquals(await socket.waitReadable(PATIENCE), "readable");
  const message = receiveMessage(socket.fd, buffer);
  if (message === "would-block") throw new Error("It was readable");
  return message;
}

Deno.test("sendAll() passes a descriptor the receiver can write through", async () => {
  using dir = new TempDir();
  const before = openFds();
  const pair = await connection(dir);
  const sent = openFile(dir.at("f"), O.WRONLY | O.CREAT);
  await pair.client.sendAll(bytes("take"), { ...PATIENCE, fd: sent });
  assertEquals(sent.isClosed, false);
  sent.close();

  const buffer = new Uint8Array(10);
  const message = await receive(pair.server, buffer);
  assertEquals(text(buffer.subarray(0, message.bytes)), "take");
  const [fd, ...more] = message.fds;
  if (fd === undefined) throw new Error("No descriptor came");
  assertEquals(more, []);
  writeAll(fd, bytes("through the received one"));
  const info = Deno.readTextFileSync(`/proc/self/fdinfo/${fd.number}`);
  const flags = parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? "", 8);
  assertEquals(flags & O.CLOEXEC, O.CLOEXEC);
  fd.close();
  pair[Symbol.dispose]();
  assertEquals(
    Deno.readTextFileSync(dir.at("f")),
    "through the received one",
  );
  assertEquals(openFds(), before);
});

Deno.test("sendAll() passes the descriptor once when it sends in parts", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  using sent = openFile("/dev/null", O.RDONLY);
  const content = new Uint8Array(2 * 2 ** 20).map((_, index) => index * 7);
  const sending = pair.client.sendAll(content, { ...PATIENCE, fd: sent });
  const received = new Uint8Array(content.length);
  const fds: Fd[] = [];
  let length = 0;
  while (length < content.length) {
    const message = await receive(pair.server, received.subarray(length));
    assert(message.bytes > 0);
    if (length === 0) assertEquals(message.fds.length, 1);
    length += message.bytes;
    fds.push(...message.fds);
  }
  await sending;
  for (const fd of fds) fd.close();
  assertEquals(fds.length, 1);
  assertEquals(received, content);
});

Deno.test("sendAll() passes each descriptor with its own message", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  for (const path of ["/dev/null", "/dev/zero"]) {
    using sent = openFile(path, O.RDONLY);
    await pair.client.sendAll(bytes("one"), { ...PATIENCE, fd: sent });
  }
  const buffer = new Uint8Array(100);
  // The kernel ends a read before the next descriptor (unix(7)).
  for (const path of ["/dev/null", "/dev/zero"]) {
    const { bytes: count, fds: [fd] } = await receive(pair.server, buffer);
    assertEquals(count, 3);
    if (fd === undefined) throw new Error("No descriptor came");
    using received = fd;
    assertEquals(Deno.readLinkSync(`/proc/self/fd/${received.number}`), path);
  }
});

Deno.test("sendAll() with a descriptor survives a peer that is gone", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  using sent = openFile("/dev/null", O.RDONLY);
  pair.server.close();
  const error = await assertRejects(
    () => pair.client.sendAll(bytes("x"), { ...PATIENCE, fd: sent }),
    SysError,
  ) as SysError;
  assertEquals([error.syscall, error.code], ["sendmsg", "EPIPE"]);
  assertEquals(sent.isClosed, false);
});

Deno.test("receive() drops a descriptor without leaking it", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  const before = openFds();
  const sent = openFile("/dev/null", O.RDONLY);
  await pair.client.sendAll(bytes("x"), { ...PATIENCE, fd: sent });
  sent.close();
  assertEquals(pair.server.receive(new Uint8Array(1)), 1);
  assertEquals(openFds(), before);
});

Deno.test("receiveMessage() tells nothing yet and the end", async () => {
  using dir = new TempDir();
  using pair = await connection(dir);
  const buffer = new Uint8Array(1);
  assertEquals(receiveMessage(pair.server.fd, buffer), "would-block");
  pair.client.close();
  assertEquals(await receive(pair.server, buffer), { bytes: 0, fds: [] });
});
