import { assertEquals } from "@std/assert";
import {
  FOUND_INTERFACE,
  INTERFACE_NAME,
} from "../../lib/host/network_words.ts";
import {
  isUuid,
  qemuId,
  uuid,
  uuidKey,
  uuidWithin,
} from "../../lib/state/value_check.ts";

const UUID = "932df160-7a22-4067-8b7e-1f0a5d7c9e11";

Deno.test("isUuid() takes a uuid in full", () => {
  assertEquals(isUuid(UUID), true);
  assertEquals(isUuid(UUID.toUpperCase()), true);
  assertEquals(isUuid(UUID + "\n"), false);
  assertEquals(isUuid(UUID.slice(1)), false);
  assertEquals(isUuid("g".repeat(8) + UUID.slice(8)), false);
});

Deno.test("uuidKey() takes lower case alone", () => {
  assertEquals([uuid(UUID), uuidKey(UUID)], [true, true]);
  const upper = UUID.toUpperCase();
  assertEquals([uuid(upper), uuidKey(upper)], [true, false]);
  assertEquals([uuid(7), uuidKey(null)], [false, false]);
});

Deno.test("uuidWithin() finds a uuid in a text", () => {
  assertEquals(uuidWithin(`drive-${UUID}.old`), UUID);
  assertEquals(uuidWithin("drive-932df160"), undefined);
});

Deno.test("qemuId() takes what QEMU takes for an id", () => {
  const ids = ["a", "disk-932df160-pci-4", "scsi.0", `a${"b".repeat(63)}`];
  for (const id of ids) assertEquals(qemuId(id), true, id);
  const others = ["", "0a", "a b", "a,b", "#block1", `a${"b".repeat(64)}`, 7];
  for (const id of others) assertEquals(qemuId(id), false, String(id));
});

Deno.test("an interface of ours has fewer names than one that is found", () => {
  const both = ["tap0", "br-lan", "eth0.100", "_", "123456789012345"];
  const found = ["-x", "tap+", "tap@1", "eth0:1"];
  const none = ["", ".", "..", "a/b", "a b", "tap%d", "1234567890123456"];
  const takes = (name: string) => [
    INTERFACE_NAME.test(name),
    FOUND_INTERFACE.test(name),
  ];
  for (const name of both) assertEquals(takes(name), [true, true], name);
  for (const name of found) assertEquals(takes(name), [false, true], name);
  for (const name of none) assertEquals(takes(name), [false, false], name);
});
