/**
 * A process that connects to the sockets it is given and stays until its input
 * ends, for the tests of unixSocketHolders.
 *
 * @module
 */

import { UnixSocket } from "../../lib/sys/unix_socket.ts";

using sockets = new DisposableStack();
for (const path of Deno.args) {
  sockets.use(await UnixSocket.connect(path, { timeoutMs: 10_000 }));
}
console.log("connected");
await Deno.stdin.read(new Uint8Array(1));
