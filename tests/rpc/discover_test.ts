import metaSchema from "@open-rpc/meta-schema";
import { Ajv2020 } from "ajv/2020";
import formats from "ajv-formats";
import { assert, assertEquals } from "@std/assert";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { GANETI_METHODS } from "../../lib/rpc/ganeti.ts";
import { openRpc } from "../../lib/rpc/discover.ts";
import { dotted } from "../../lib/words/options.ts";
import type { Doc } from "../support/document.ts";

const TEXT = { type: "string" };
const document = await openRpc() as Doc;

function method(name: string): Doc {
  return document.methods.find((one: Doc) => one.name === name);
}

function param(name: string, of = "disk.add"): Doc {
  return method(of).params.find((one: Doc) => one.name === name);
}

Deno.test("openRpc() is an OpenRPC document", () => {
  const ajv = new Ajv2020({ strict: false, validateSchema: false });
  formats.default(ajv);
  // What schemas must be is asked below; the reference has both spellings.
  const stub = {
    definitions: { JSONSchemaObject: { properties: { $ref: TEXT } } },
  };
  const id = "https://meta.json-schema.tools";
  ajv.addSchema(stub, id);
  ajv.addSchema(stub, `${id}/`);
  const { openrpcDocument } = metaSchema as unknown as Doc;
  const validate = ajv.compile(openrpcDocument);
  assert(validate(document), ajv.errorsText(validate.errors));
});

Deno.test("openRpc() refers to schemas that are there, and are schemas", () => {
  const ajv = new Ajv2020({ strict: true, strictTypes: true });
  formats.default(ajv);
  ajv.addVocabulary(["openrpc", "info", "methods", "components"]);
  ajv.addSchema({ $id: "all", ...document });
  for (const name of Object.keys(document.components.schemas)) {
    assert(ajv.getSchema(`all#/components/schemas/${name}`), name);
  }
  document.methods.forEach(({ params, result }: Doc, i: number) => {
    assert(ajv.getSchema(`all#/methods/${i}/result/schema`), result.name);
    params.forEach(({ name }: Doc, j: number) =>
      assert(ajv.getSchema(`all#/methods/${i}/params/${j}/schema`), name)
    );
  });
});

Deno.test("openRpc() has each command that is a method, and Ganeti's", () => {
  const own = COMMANDS.filter(({ output }) => output !== "stream").map(dotted);
  const names = document.methods.map(({ name }: Doc) => name);
  assertEquals(names, [...GANETI_METHODS, ...own]);
});

Deno.test("openRpc() tells of options what the table of commands has", () => {
  assertEquals(param("instance").required, true);
  assertEquals(param("size", "disk.resize").required, false);
  assertEquals(param("format").schema, {
    type: "string",
    enum: ["raw", "qcow2"],
    default: "raw",
  });
  assertEquals(param("read_only").schema, { type: "boolean", default: false });
  assertEquals(param("timeout").schema, {
    type: "number",
    minimum: 0.001,
    maximum: 86_400,
    default: 5,
  });
  const { enum: only, examples } = param("driver", "nic.add").schema;
  assertEquals([only, examples.includes("e1000")], [undefined, true]);
  assertEquals(param("name").schema, { type: "string", minLength: 1 });
  const queues = { type: "integer", minimum: 1, maximum: 1024 };
  assertEquals(param("queues").schema, queues);
  const mtu = { type: "integer", minimum: 68, maximum: 65_521 };
  assertEquals(param("mtu", "nic.modify").schema, {
    anyOf: [mtu, { type: "string", const: "none" }],
  });
  assertEquals(param("no_vhost", "nic.add").schema.type, "boolean");
  assertEquals(
    param("cache").description,
    "default, none, writeback or writethrough. Default: hvparam disk_cache.",
  );
  assertEquals(
    method("disk.add").result.schema.$ref,
    "#/components/schemas/change_document",
  );
});
