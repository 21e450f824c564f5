/**
 * A process that holds a monitor until its input ends, for the tests of
 * `monitor-busy`.
 *
 * @module
 */

import { UnixSocket } from "../../lib/sys/unix_socket.ts";

const [path = ""] = Deno.args;
using _socket = await UnixSocket.connect(path, { timeoutMs: 10_000 });
console.log("connected");
await Deno.stdin.read(new Uint8Array(1));
