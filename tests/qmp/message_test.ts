import { assertEquals, assertThrows } from "@std/assert";
import { QmpProtocolError } from "../../lib/qmp/errors.ts";
import {
  isJson,
  MessageFramer,
  type QmpMessage,
  readMessage,
} from "../../lib/qmp/message.ts";
import { assert } from "../support/facts.ts";

const encoder = new TextEncoder();

function bytes(text: string): Uint8Array {
  return encoder.encode(text);
}

function texts(lines: Uint8Array[]): string[] {
  return lines.map((line) => new TextDecoder().decode(line));
}

function read(text: string) {
  return readMessage(bytes(text));
}

Deno.test("MessageFramer.push() joins what was split anywhere", () => {
  const stream = bytes('{"a":"é"}\r\n\r\n{"b":1}\n\n{"c":2}\r\n');
  for (let size = 1; size <= stream.length; size++) {
    const framer = new MessageFramer();
    const lines: string[] = [];
    for (let at = 0; at < stream.length; at += size) {
      lines.push(...texts(framer.push(stream.subarray(at, at + size))));
    }
    assertEquals(lines, ['{"a":"é"}', '{"b":1}', '{"c":2}'], `${size}`);
  }
});

Deno.test("MessageFramer.push() keeps an unfinished line to itself", () => {
  const framer = new MessageFramer();
  assertEquals(framer.push(bytes('{"a"')), []);
  assertEquals(framer.push(new Uint8Array(0)), []);
  assertEquals(texts(framer.push(bytes(":1}\r"))), []);
  assertEquals(texts(framer.push(bytes("\n"))), ['{"a":1}']);
});

Deno.test("MessageFramer.push() copies, so that a buffer can be reused", () => {
  const framer = new MessageFramer();
  const buffer = bytes("[12]\n[3");
  const first = framer.push(buffer);
  buffer.fill(0x78);
  assertEquals(texts(first), ["[12]"]);
  assertEquals(texts(framer.push(bytes("]\n"))), ["[3]"]);
});

Deno.test("MessageFramer.push() takes a line of the limit and no longer one", () => {
  assertEquals(texts(new MessageFramer(5).push(bytes("12345\n12345\n"))), [
    "12345",
    "12345",
  ]);
  assertThrows(
    () => new MessageFramer(5).push(bytes("123456\n")),
    QmpProtocolError,
    "longer than 5 bytes",
  );
  const framer = new MessageFramer(5);
  framer.push(bytes("123"));
  assertThrows(() => framer.push(bytes("456")), QmpProtocolError);
});

Deno.test("readMessage() tells a message by its content", () => {
  assertEquals(
    read(
      '{"QMP": {"version": {"qemu": {"micro": 22, "minor": 2, "major": 7}, ' +
        '"package": "Debian"}, "capabilities": ["oob"]}}',
    ),
    {
      kind: "greeting",
      version: { major: 7, minor: 2, micro: 22, package: "Debian" },
    },
  );
  assertEquals(
    read(
      '{"timestamp": {"seconds": 1700000000, "microseconds": 250999}, ' +
        '"event": "DEVICE_DELETED", "data": {"device": "disk-1"}}',
    ),
    {
      kind: "event",
      event: {
        event: "DEVICE_DELETED",
        data: { device: "disk-1" },
        timestampMs: 1_700_000_000_250,
      },
    },
  );
  assertEquals(read('{"return": {}, "id": 7}'), {
    kind: "return",
    id: 7,
    value: {},
  });
  assertEquals(
    read('{"id": "a", "error": {"class": "GenericError", "desc": "no"}}'),
    { kind: "error", id: "a", class: "GenericError", desc: "no" },
  );
});

Deno.test("readMessage() takes what a peer leaves out", () => {
  assertEquals(read('{"QMP": {}}'), {
    kind: "greeting",
    version: { major: 0, minor: 0, micro: 0, package: "" },
  });
  assertEquals(read('{"event": "STOP"}'), {
    kind: "event",
    event: { event: "STOP", data: {}, timestampMs: 0 },
  });
  // A time that no Date holds is none.
  for (const seconds of ["1e300", "1e999", "-1"]) {
    const { event } = read(
      `{"event": "STOP", "timestamp": {"seconds": ${seconds}}}`,
    ) as Extract<QmpMessage, { kind: "event" }>;
    assertEquals(event.timestampMs, 0);
  }
  assertEquals(read('{"error": {}}'), {
    kind: "error",
    id: undefined,
    class: "GenericError",
    desc: "",
  });
  assertEquals(read('{"return": null}'), {
    kind: "return",
    id: undefined,
    value: null,
  });
});

Deno.test("readMessage() refuses what is no QMP", () => {
  const lines = [
    "x",
    "{",
    "[]",
    "null",
    "7",
    "{}",
    '{"id": 1}',
    '{"QMP": 1}',
    '{"event": 1}',
    '{"error": "no"}',
    '{"toString": 1}',
    " ",
    "[".repeat(1_000_000),
  ];
  for (const line of lines) {
    assertThrows(() => read(line), QmpProtocolError);
  }
});

Deno.test("readMessage() lets no value of a peer throw anything else", () => {
  const odd = '{"toString": 1, "valueOf": 1}';
  const lines = [
    `{"error": {"class": ${odd}, "desc": "x"}}`,
    `{"error": {"class": "x", "desc": ${odd}}}`,
    `{"error": {"desc": [${odd}]}}`,
  ];
  for (const line of lines) {
    try {
      assertEquals(read(line).kind, "error");
    } catch (error) {
      assert(error instanceof QmpProtocolError, `${line}: ${error}`);
    }
  }
});

Deno.test("isJson() takes objects only", () => {
  for (const value of [{}, { a: 1 }]) assertEquals(isJson(value), true);
  for (const value of [null, [], "", 0, undefined, true]) {
    assertEquals(isJson(value), false);
  }
});
