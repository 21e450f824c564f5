/** One raw command on a session: what is asked first, sent, and said of it. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import { completeLive } from "../../lib/monitor/complete.ts";
import {
  isQuestion,
  readSchema,
  sendOn,
  UnknownCommandError,
  withProperties,
} from "../../lib/monitor/raw_command.ts";
import type { QmpSession } from "../../lib/qmp/client.ts";
import { SchemaError } from "../../lib/qmp/schema_check.ts";
import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { Peer } from "../lab/session_peer.ts";

const ENTRIES = [
  { name: "str", "meta-type": "builtin", "json-type": "string" },
  { name: "int", "meta-type": "builtin", "json-type": "int" },
  { name: "bool", "meta-type": "builtin", "json-type": "boolean" },
  { name: "any", "meta-type": "builtin", "json-type": "value" },
  { name: "none", "meta-type": "object", members: [] },
  {
    name: "plug",
    "meta-type": "object",
    members: [
      { name: "driver", type: "str" },
      { name: "drive", type: "str", default: null },
    ],
  },
  {
    name: "link",
    "meta-type": "object",
    members: [{ name: "name", type: "str" }, { name: "up", type: "bool" }],
  },
  {
    name: "node",
    "meta-type": "object",
    members: [{ name: "node-name", type: "str" }],
  },
  ...[
    ["stop", "none"],
    ["query-name", "none"],
    ["device_add", "plug"],
    ["set_link", "link"],
    ["blockdev-add", "node"],
    ["blockdev-del", "node"],
    ["getfd", "none"],
  ].map(([name, type]) => ({
    ...{ name, "meta-type": "command", "arg-type": type, "ret-type": "none" },
  })),
];

const PROPERTIES = [
  { name: "drive", type: "any" },
  { name: "serial", type: "str" },
  { name: "share", type: "bool" },
  ...["int32", "uint8", "size", "size32"].map((type) => ({ name: type, type })),
  { name: "odd", type: "OnOffAuto" },
];

type Words = Readonly<Record<string, string>>;

/** A session, its schema, and the commands that have come since. */
async function withSession(
  body: (at: {
    readonly peer: Peer;
    readonly qmp: QmpSession;
    readonly schema: Awaited<ReturnType<typeof readSchema>>;
    send(command: string, words?: Words): Promise<unknown>;
    came(): string[];
  }) => Promise<void>,
): Promise<void> {
  await using peer = new Peer();
  using qmp = await peer.open({ timeoutMs: 500 });
  peer.once("query-qmp-schema", { value: ENTRIES, carryOut: "no" });
  const schema = await readSchema(qmp);
  let seen = peer.calls.length;
  await body({
    ...{ peer, qmp, schema },
    send: (execute, words = {}) =>
      sendOn(qmp, schema, {
        execute,
        arguments: Object.entries(words).map(([key, text]) => ({ key, text })),
        fd: undefined,
      }),
    came() {
      const calls = peer.calls.slice(seen);
      seen = peer.calls.length;
      return calls.map(({ command, args }) =>
        `${command} ${JSON.stringify(args)}`
      );
    },
  });
}

const NO = { carryOut: "no", value: {} } as const;

Deno.test("sendOn() gives each word its type, and sends it", async () => {
  await withSession(async ({ peer, send, came }) => {
    peer.once("set_link", { ...NO, value: 7 });
    assertEquals(await send("set_link", { name: "n", up: "off" }), 7);
    assertEquals(came(), ['set_link {"name":"n","up":false}']);
    // Nothing is sent of what does not fit.
    await assertRejects(
      () => send("set_lin"),
      UnknownCommandError,
      'no command "set_lin"',
    );
    await assertRejects(() => send("set_link", { name: "n" }), SchemaError);
    assertEquals(came(), []);
  });
});

Deno.test("sendOn() asks for a driver's properties, and takes them for what they are", async () => {
  await withSession(async ({ peer, send, came }) => {
    const words = {
      ...{ driver: "d", drive: "1", serial: "2", share: "on" },
      ...{ int32: "3", uint8: "4", size: "5", size32: "6", odd: "on" },
    };
    peer.once("device-list-properties", { ...NO, value: PROPERTIES });
    peer.once("device_add", NO);
    await send("device_add", words);
    assertEquals(came(), [
      'device-list-properties {"typename":"d"}',
      `device_add ${
        JSON.stringify({
          ...{ driver: "d", drive: "1", serial: "2", share: true },
          ...{ int32: 3, uint8: 4, size: 5, size32: 6, odd: "on" },
        })
      }`,
    ]);
    // An unknown driver: QEMU says so itself.
    const refuse = { class: "GenericError", desc: "no driver" };
    peer.once("device-list-properties", { refuse });
    peer.once("device_add", NO);
    await send("device_add", { driver: "x" });
    assertEquals(came().length, 2);
    await assertRejects(() => send("device_add", {}), SchemaError);
    assertEquals(came(), []);
  });
});

Deno.test("withProperties() leaves the schema alone without a driver", async () => {
  await withSession(async ({ qmp, schema, came }) => {
    assertEquals(await withProperties(schema, 7, qmp) === schema, true);
    assertEquals(came(), []);
  });
});

Deno.test("sendOn() says whether anything may have changed", async () => {
  for (
    const [command, behaviour, code, changed] of [
      ["stop", { refuse: { class: "GenericError", desc: "no" } }, "qmp-error"],
      ["stop", { close: "before-reply" }, "interrupted", true],
      ["stop", { reply: "never" }, "interrupted", true],
      ["query-name", { close: "before-reply" }],
      ["query-name", { reply: "never" }],
    ] as const
  ) {
    await withSession(async ({ peer, send }) => {
      peer.once(command, behaviour);
      const error = await assertRejects(() => send(command), HotplugError);
      const { code: told, changed: did, qmp } = error as HotplugError;
      if (code === "qmp-error") assertEquals(qmp?.class, "GenericError");
      assertEquals(Boolean(did), changed ?? false, `${command} ${told}`);
      if (code !== undefined) assertEquals(told, code);
    });
  }
});

Deno.test("sendOn() passes no descriptor with a question", async () => {
  await withSession(async ({ peer, qmp, schema, came }) => {
    using fd = openFile("/dev/null", O.RDONLY);
    const command = { arguments: [], fd };
    const error = await assertRejects(
      () => sendOn(qmp, schema, { ...command, execute: "query-name" }),
      HotplugError,
    );
    assertStringIncludes(
      (error as Error).message,
      "does not accept a file descriptor",
    );
    assertEquals(came(), []);
    peer.once("getfd", NO);
    await sendOn(qmp, schema, { ...command, execute: "getfd" });
    assertEquals(peer.call("getfd").fds, 1);
  });
});

Deno.test("isQuestion() knows what changes nothing", () => {
  const questions = [
    ...["query-block", "qom-get", "qom-list", "qom-list-types"],
    ...["qom-list-properties", "device-list-properties"],
  ];
  assertEquals(questions.filter((one) => !isQuestion(one)), []);
  const others = ["stop", "qom-set", "device_add", "x-query", "quit"];
  assertEquals(others.filter(isQuestion), []);
});

Deno.test("completeLive() asks this QEMU where the schema says only a text", async () => {
  await withSession(async ({ peer, qmp, schema, came }) => {
    const { model } = peer;
    for (const id of ["disk-1", "nic-1"]) {
      model.devices.set(id, { id, driver: "x", slot: 3 });
    }
    for (const name of ["n1", "#block7"]) model.nodes.set(name, 0);
    const words = async (command: string, word: string, ...before: string[]) =>
      (await completeLive(qmp, schema, { command, before, word }))
        .map((one) => one.word);
    assertEquals(await words("set_link", "name="), [
      ...["name=disk-1", "name=nic-1"],
    ]);
    assertEquals(await words("set_link", "up="), ["up=true", "up=false"]);
    assertEquals(await words("set_link", ""), ["name=", "up="]);
    // Names that QEMU made up are of no use.
    assertEquals(await words("blockdev-del", "node-name="), ["node-name=n1"]);
    // It must be a new one.
    assertEquals(await words("blockdev-add", "node-name="), []);
    assertEquals(await words("stop", "x="), []);
    came();
    const drivers = await words("device_add", "driver=");
    assertEquals(drivers.includes("driver=virtio-net-pci"), true);
    assertEquals(await words("device_add", "drive=", "driver=e1000x"), [
      "drive=n1",
    ]);
    // QEMU may be asked for the properties of well-known drivers only.
    assertEquals(came().filter((one) => one.startsWith("device-list")), []);
    peer.once("device-list-properties", { ...NO, value: PROPERTIES });
    const more = await words("device_add", "", "driver=e1000");
    assertEquals(more.includes("serial="), true);
    assertEquals(came(), ['device-list-properties {"typename":"e1000"}']);
  });
});
