import { SIZE, TIMEOUT, UNPLUG_TIMEOUT } from "../../lib/words/options.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import * as values from "../../lib/words/values.ts";
import { NEW_UUID, refusal } from "../support/facts.ts";

type Check = (word: values.Word) => unknown;

function take(check: Check, text: string): unknown {
  return check({ option: "opt", text });
}

function accepts(check: Check, ...texts: string[]) {
  for (const text of texts) take(check, text);
}

function refuses(check: Check, ...texts: string[]) {
  for (const text of texts) {
    const { message } = refusal("usage", () => take(check, text));
    assertStringIncludes(message, "Option --opt must be ");
    assertStringIncludes(message, JSON.stringify(text));
  }
}

Deno.test("wholeNumber() keeps to its bounds", () => {
  const check: Check = values.wholeNumber({ min: 1, max: 31 });
  assertEquals(["1", "31"].map((text) => take(check, text)), [1, 31]);
  refuses(check, "0", "32", "-1", "1.5", "0x1", "1e1", "", " 1", "1 ", "١");
  refuses(check, "99999999999999999999", "NaN", "Infinity");
});

Deno.test("sizeBytes() takes what a number holds to the byte, and no more", () => {
  const check: Check = values.sizeBytes(SIZE);
  const texts = ["1", "4k", "1.5G", "8191T", "9007199254740991"];
  assertEquals(
    texts.map((text) => take(check, text)),
    [1, 4096, 1.5 * 2 ** 30, 8191 * 2 ** 40, 2 ** 53 - 1],
  );
  refuses(check, "9007199254740992", "9007199254740993", "8192T", "10P");
  refuses(check, "99999999999999999999", "0", "1e16", "0.3k", "-1", "");
});

Deno.test("secondsAsMs() takes fractions and at most a day", () => {
  const check: Check = values.secondsAsMs(UNPLUG_TIMEOUT.amount);
  const texts = ["0", "0.5", "30", "1.001", "86400"];
  assertEquals(
    texts.map((text) => take(check, text)),
    [0, 500, 30_000, 1001, 86_400_000],
  );
  refuses(check, "86401", "-1", "1e3", "Infinity", ".5", "1.", "1,5", "");
  refuses(values.secondsAsMs(TIMEOUT.amount), "0", "0.0");
});

Deno.test("oneOf() names the words it takes", () => {
  const check: Check = values.oneOf(["a", "b"]);
  assertEquals(take(check, "b"), "b");
  refuses(check, "c", "A", "", "toString");
});

Deno.test("uuid() is in lower case", () => {
  assertEquals(take(values.uuid, NEW_UUID.toUpperCase()), NEW_UUID);
  refuses(values.uuid, "", "932df160", `${NEW_UUID} `, `{${NEW_UUID}}`);
});

Deno.test("mac() is a unicast address in lower case", () => {
  assertEquals(take(values.mac, "AA:00:00:12:34:56"), "aa:00:00:12:34:56");
  refuses(
    values.mac,
    "ff:ff:ff:ff:ff:ff",
    "01:00:5e:00:00:01",
    "00:00:00:00:00:00",
    "aa-00-00-12-34-56",
    "aa:00:00:12:34",
    "aa:00:00:12:34:5g",
    "aa:00:00:12:34:56\n",
    "",
  );
});

Deno.test("interfaceName() is one the kernel and a shell can take", () => {
  accepts(values.interfaceName, "tap0", "vm1-probe", "a.b_c", "a".repeat(15));
  refuses(values.interfaceName, "", "a".repeat(16), ".", "..", "a/b", "tap%d");
  refuses(values.interfaceName, "-x", "a b", "é", "a\n", "tap0:1");
});

Deno.test("ipAddress() takes what is one", () => {
  const six = ["2001:db8::1", "::", "::ffff:192.0.2.7"];
  accepts(values.ipAddress, "192.0.2.7", "0.0.0.255", ...six);
  refuses(
    values.ipAddress,
    "",
    "host",
    "192.0.2.7/24",
    "1.2.3.4;x",
    "1.2.3",
    "1.2.3.256",
    "1.2.3.04",
    "2001:db8::1::2",
    "12345::",
    "fe80::1%a",
  );
});

Deno.test("vlan() takes Ganeti's forms", () => {
  accepts(values.vlan, "100", ".100", ":100:200", "7:8", ":1");
  refuses(values.vlan, "", "x", "100:", "..1", "1 2", ":100:.2", "12345");
});

Deno.test("shortText() is one printable line", () => {
  accepts(values.shortText, "data", "Ä 1", "-1", "😀", "x".repeat(255));
  refuses(
    values.shortText,
    "x".repeat(256),
    "a\nb",
    "\u001b[31m",
    "\u009b",
    "a\u202eb",
    "\u2066",
    "\u200f",
    "\u061c",
    "\u2028",
    "\ud800",
    "\0",
    "\u007f",
  );
});

Deno.test("qemuId() is well-formed by QEMU's own rule", () => {
  accepts(values.qemuId, "io0", "A.b-c_d", "x".repeat(64));
  refuses(values.qemuId, "", "0io", "-a", "a,b", "a=b", "a b", "x".repeat(65));
});

Deno.test("shortPath() keeps to the kernel's length", () => {
  accepts(values.shortPath, "x", "/x", "./a:b", "é".repeat(2047));
  refuses(values.shortPath, "", "a\0b", "a\nb", "é".repeat(2048));
});

Deno.test("a refusal says what is accepted, by the option or the operand", () => {
  const said = (check: Check, option: string, text: string) =>
    refusal("usage", () => check({ option, text })).message;
  const bounds = { min: 1, max: 9 };
  assertEquals(
    said(values.wholeNumber(bounds), "slot", "x"),
    'Option --slot must be a number from 1 to 9: it is "x"',
  );
  assertEquals(
    said(values.wholeNumber(bounds), "SIZE", "x"),
    'SIZE must be a number from 1 to 9: it is "x"',
  );
  assertStringIncludes(said(values.sizeBytes(bounds), "a", "x"), "from 1 to 9");
  assertStringIncludes(
    said(values.secondsAsMs(bounds), "a", "x"),
    "seconds, from 1 to 9",
  );
  assertStringIncludes(said(values.oneOf(["a", "b"]), "x", "c"), "a or b");
  assertStringIncludes(said(values.mac, "x", "01:00:5e:00:00:01"), "unicast");
});

Deno.test("newInterfaceName() is not a folder of all interfaces", () => {
  accepts(values.newInterfaceName, "tap0", "all0", "Default");
  refuses(values.newInterfaceName, "all", "default", "a/b");
});

Deno.test("network() is a name, a uuid, or a JSON description", () => {
  accepts(values.network, "net1", NEW_UUID, "x".repeat(255), "a.b_c-d");
  refuses(values.network, "", "a b", "x".repeat(256), "{", "{}", "[]");
  const { message } = refusal("usage", () => take(values.network, "{x"));
  assertStringIncludes(message, "well-formed JSON");
  const other = refusal("usage", () => take(values.network, "{}"));
  assertStringIncludes(other.message, "the JSON description of a network: ");
});
