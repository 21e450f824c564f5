import { assertEquals, assertThrows } from "@std/assert";
import { DatagramInbox, sendDatagram } from "../../lib/sys/datagram.ts";
import { SysError } from "../../lib/sys/errno.ts";
import type { Fd } from "../../lib/sys/fd.ts";
import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { bytes, openFds, TempDir, text } from "./support.ts";

const folder = ({ path }: TempDir): Fd => openFile(path, O.PATH | O.DIRECTORY);
const target = (dir: TempDir, name: string): Fd =>
  openFile(dir.at(name), O.PATH | O.NOFOLLOW);

function received(inbox: DatagramInbox): string[] {
  const buffer = new Uint8Array(new ArrayBuffer(100));
  const all: string[] = [];
  for (;;) {
    const size = inbox.receive(buffer);
    if (size === "none") return all;
    all.push(text(buffer.subarray(0, size)));
  }
}

Deno.test("sendDatagram() reaches the inbox, in order, until it is full", () => {
  using dir = new TempDir();
  const before = openFds();
  {
    using inbox = DatagramInbox.bind(folder(dir), "in")!;
    using file = target(dir, "in");
    assertEquals(received(inbox), []);
    assertEquals(Deno.lstatSync(dir.at("in")).mode! & 0o777, 0o600);
    assertEquals(sendDatagram(file, bytes("one")), "sent");
    assertEquals(sendDatagram(file, bytes("two")), "sent");
    assertEquals(received(inbox), ["one", "two"]);
    let sent = 0;
    while (sendDatagram(file, bytes(`${sent}`)) === "sent") sent++;
    assertEquals(received(inbox).length, sent);
    assertEquals(sendDatagram(file, bytes("again")), "sent");
    assertThrows(
      () => sendDatagram(file, new Uint8Array(new ArrayBuffer(2 ** 20))),
      SysError,
      "EMSGSIZE",
    );
  }
  assertEquals(openFds(), before);
  assertEquals([...Deno.readDirSync(dir.path)], []);
});

Deno.test("DatagramInbox.bind() replaces what a killed one left, and no other", () => {
  using dir = new TempDir();
  const before = openFds();
  const bind = () => {
    const own = folder(dir);
    const inbox = DatagramInbox.bind(own, "in");
    if (inbox === undefined) own.close();
    return inbox;
  };
  {
    using first = bind()!;
    assertEquals(bind(), undefined);
    using file = target(dir, "in");
    assertEquals(sendDatagram(file, bytes("still")), "sent");
    assertEquals(received(first), ["still"]);
    Deno.renameSync(dir.at("in"), dir.at("left"));
  }
  using left = target(dir, "left");
  assertEquals(sendDatagram(left, bytes("x")), "nobody");
  Deno.renameSync(dir.at("left"), dir.at("in"));
  {
    using inbox = bind()!;
    using file = target(dir, "in");
    assertEquals(sendDatagram(file, bytes("new")), "sent");
    assertEquals(received(inbox), ["new"]);
  }
  left.close();
  assertEquals(openFds(), before);
  Deno.mkdirSync(dir.at("in"));
  const own = folder(dir);
  assertThrows(() => DatagramInbox.bind(own, "in"), SysError);
  own.close();
  assertEquals(openFds(), before);
});
