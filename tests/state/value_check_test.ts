import { PlanCommands } from "../../lib/device/plan_commands.ts";
import { assertEquals } from "@std/assert";
import {
  FOUND_INTERFACE,
  INTERFACE_NAME,
} from "../../lib/host/network_words.ts";
import { stepCheck } from "../../lib/engine/verbs.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import {
  accepted,
  dictionary,
  either,
  isUuid,
  list,
  object,
  type Of,
  orNull,
  qemuId,
  text,
  uuid,
  uuidKey,
  uuidWithin,
  where,
  whole,
  word,
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

Deno.test("object() takes its members and the optional ones, no others", () => {
  const check = object({ a: whole(0, 9) }, { b: text(/^x$/) });
  const good: Of<typeof check>[] = [{ a: 1 }, { a: 9, b: "x" }];
  for (const one of good) assertEquals(check(one), true);
  const bad = [{}, { b: "x" }, { a: 10 }, { a: 1, b: "y" }, { a: 1, c: 1 }];
  for (const one of [...bad, [], null, 1]) assertEquals(check(one), false);
});

Deno.test("checks of several values ask every one", () => {
  const words = list(word("a", "b"));
  assertEquals([words([]), words(["a", "b"])], [true, true]);
  assertEquals([words(["a", 1]), words({})], [false, false]);
  const sizes = dictionary(/^[a-z]$/, whole(1, 2));
  assertEquals([sizes({}), sizes({ a: 1, b: 2 })], [true, true]);
  assertEquals([sizes({ A: 1 }), sizes({ a: 0 }), sizes([])], [
    false,
    false,
    false,
  ]);
});

Deno.test("checks are put together", () => {
  const noneOrFlag = either(word("none"), orNull(whole(0, 1)));
  assertEquals(["none", null, 1, 2, "1"].map((one) => noneOrFlag(one)), [
    true,
    true,
    true,
    false,
    false,
  ]);
  const even = where(whole(0, 9), (one) => one % 2 === 0);
  assertEquals([even(2), even(3), even("2")], [true, false, false]);
  const parsed = accepted((one) => JSON.parse(String(one)));
  assertEquals([parsed("1"), parsed("{")], [true, false]);
});

Deno.test("stepCheck() types a step, and may ask for the instance", () => {
  const paths = instancePaths("/r", "vm1");
  const never = (_value: unknown): _value is never => false;
  const isWords = (_value: unknown): _value is readonly string[] => true;
  const commands = new PlanCommands([]);
  const check = stepCheck(
    "move",
    ({ paths }) => ({
      to: word(paths.runtime),
    }),
    { count: whole(0, 9) },
    ({ count }) => count !== 1,
  );
  const step: Of<typeof check> = { kind: "move", to: paths.runtime };
  const takes = (one: unknown) =>
    check({ paths, isWords, isNote: never, commands })(one);
  assertEquals(check.kind, "move");
  assertEquals([takes(step), takes({ ...step, count: 2 })], [true, true]);
  for (const odd of [{ kind: "mov" }, { to: "/x" }, { count: 1 }, { x: 1 }]) {
    assertEquals(takes({ ...step, ...odd }), false, JSON.stringify(odd));
  }
});
