/**
 * A process that plays a QEMU which, once negotiated with, sends events as
 * fast as they are read, until its client goes.
 *
 * @module
 */

import { UnixListener } from "./unix_listener.ts";

const PATIENCE = { timeoutMs: 10_000 };
const encoder = new TextEncoder();
const [path = ""] = Deno.args;

using listener = UnixListener.bind(path);
console.log("listening");
using client = await listener.accept(PATIENCE);
await client.sendAll(encoder.encode('{"QMP":{"version":{}}}\n'), PATIENCE);
await client.waitReadable(PATIENCE);
const buffer = new Uint8Array(4096);
const count = client.receive(buffer);
const { id } = JSON.parse(
  new TextDecoder().decode(buffer.subarray(0, Number(count))),
);
const reply = JSON.stringify({ return: {}, id });
await client.sendAll(encoder.encode(`${reply}\n`), PATIENCE);
const event = '{"event":"RTC_CHANGE","data":{"offset":1}}\n';
const flood = encoder.encode(event.repeat(50_000));
try {
  for (;;) await client.sendAll(flood, PATIENCE);
} catch {
  // The client has gone, as it should.
}
