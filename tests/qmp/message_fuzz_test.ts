import { assertEquals } from "@std/assert";
import { QmpProtocolError } from "../../lib/qmp/errors.ts";
import {
  MAX_MESSAGE_BYTES,
  MessageFramer,
  readMessage,
} from "../../lib/qmp/message.ts";
import { fuzz, jsonText, oddText, type Random } from "../support/prng.ts";

const encoder = new TextEncoder();

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Feeds bytes in pieces of random length, the buffer reused each time. */
function feed(
  framer: MessageFramer,
  stream: Uint8Array,
  random: Random,
): Uint8Array[] {
  const lines: Uint8Array[] = [];
  for (let at = 0; at < stream.length;) {
    const end = at + 1 + random.below(random.once(3) ? 3 : 40);
    const buffer = stream.slice(at, end);
    lines.push(...framer.push(buffer));
    buffer.fill(0x0a);
    at = end;
  }
  return lines;
}

/** Runs what only a QmpProtocolError may end. */
function tolerate<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof QmpProtocolError)) throw error;
    return undefined;
  }
}

Deno.test("MessageFramer.push() gives back messages, however split", () => {
  fuzz(1500, (random) => {
    const messages = random.list(6, () => `{"return": ${jsonText(random, 3)}}`);
    const stream = messages.flatMap((message) => [
      encoder.encode(message),
      encoder.encode(random.pick(["\n", "\r\n", "\n\n", "\r\n\r\n\n"])),
    ]);
    const lines = feed(new MessageFramer(), concat(stream), random);
    assertEquals(lines.map((line) => new TextDecoder().decode(line)), messages);
    for (const line of lines) assertEquals(readMessage(line).kind, "return");
  });
});

Deno.test("MessageFramer.push() keeps to its limit whatever comes", () => {
  fuzz(1500, (random) => {
    const limit = 1 + random.below(64);
    const framer = new MessageFramer(limit);
    const stream = concat(
      random.list(
        8,
        () => random.once(4) ? encoder.encode("\r\n") : random.bytes(48),
      ),
    );
    const lines = tolerate(() => feed(framer, stream, random));
    for (const line of lines ?? []) {
      assertEquals(line.length > 0 && line.length <= limit, true);
      assertEquals(line.includes(0x0a), false);
    }
    const longest = Math.max(
      0,
      ...new TextDecoder("latin1").decode(stream).split("\n")
        .map((line) => line.length),
    );
    assertEquals(lines === undefined, longest > limit);
  });
});

Deno.test("MessageFramer.push() refuses a message without end", () => {
  const framer = new MessageFramer();
  const chunk = new Uint8Array(1024 * 1024).fill(0x20);
  let taken = 0;
  while (tolerate(() => framer.push(chunk)) !== undefined) {
    taken += chunk.length;
    assertEquals(taken <= MAX_MESSAGE_BYTES, true);
  }
  assertEquals(taken, MAX_MESSAGE_BYTES);
});

Deno.test("readMessage() takes any bytes or raises QmpProtocolError", () => {
  fuzz(1500, (random) => {
    tolerate(() => readMessage(random.bytes(40)));
    tolerate(() => readMessage(encoder.encode(oddText(random, 40))));
  });
});

/** A message with members of any type. */
function strangeMessage(random: Random): string {
  const value = () => jsonText(random, 3);
  const shapes = [
    () =>
      `{"error": {"class": ${value()}, "desc": ${value()}}, "id": ${value()}}`,
    () => `{"event": "X", "data": ${value()}, "timestamp": ${value()}}`,
    () => `{"event": "X", "timestamp": {"seconds": ${value()}}}`,
    () => `{"event": ${value()}}`,
    () => `{"QMP": {"version": {"qemu": ${value()}, "package": ${value()}}}}`,
    () => `{"QMP": ${value()}}`,
    () => `{"error": ${value()}}`,
    () => value(),
  ];
  return random.pick(shapes)();
}

Deno.test("readMessage() takes members of any type", () => {
  fuzz(4000, (random) => {
    const line = encoder.encode(strangeMessage(random));
    const message = tolerate(() => readMessage(line));
    if (message?.kind === "error") {
      assertEquals(typeof message.class, "string");
      assertEquals(typeof message.desc, "string");
    }
  });
});

Deno.test("readMessage() survives flipped bits and cut ends", () => {
  fuzz(2000, (random) => {
    const bytes = encoder.encode(strangeMessage(random));
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    tolerate(() => readMessage(bytes.subarray(random.below(2) * at)));
    tolerate(() => readMessage(bytes.subarray(0, at)));
  });
});
