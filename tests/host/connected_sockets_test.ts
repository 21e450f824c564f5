import { assertEquals } from "@std/assert";
import {
  connectedSockets,
  isListenedTo,
} from "../../lib/host/connected_sockets.ts";
import { TempDir } from "../sys/support.ts";

Deno.test("connectedSockets() and isListenedTo() see who listens, and who came", async () => {
  using dir = new TempDir();
  const path = dir.at("qmp sock");
  const seen = () => [isListenedTo(path), connectedSockets().has(path)];
  assertEquals(seen(), [false, false]);
  const listener = Deno.listen({ transport: "unix", path });
  assertEquals(seen(), [true, false]);
  // The same name elsewhere, and another name here.
  Deno.mkdirSync(dir.at("other"));
  assertEquals(isListenedTo(dir.at("other/qmp sock")), false);
  assertEquals(isListenedTo(dir.at("sock")), false);
  // Another path to it.
  Deno.symlinkSync(dir.path, dir.at("way"));
  assertEquals(isListenedTo(dir.at("way/qmp sock")), true);
  const client = await Deno.connect({ transport: "unix", path });
  const server = await listener.accept();
  assertEquals(seen(), [true, true]);
  server.close();
  client.close();
  listener.close();
  assertEquals(seen(), [false, false]);
});
