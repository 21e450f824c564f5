/**
 * The `schema` command, and `rpc.discover`.
 *
 * @module
 */

import type { Answer, Call } from "../commands/answer.ts";
import { jsonSchema } from "../commands/json_schema.ts";
import { openRpc } from "./discover.ts";

/** For people and programs: one member a line. */
function pretty(value: unknown): string[] {
  return JSON.stringify(value, null, 2).split("\n");
}

/** The schemas of all documents, or the OpenRPC document. */
export async function schema({ invocation }: Call): Promise<Answer> {
  const openrpc = await openRpc();
  if (invocation.flags.has("openrpc")) {
    return { text: pretty(openrpc), document: { ok: true, openrpc } };
  }
  const documents = await jsonSchema();
  return {
    text: pretty(documents),
    document: { ok: true, ...documents, openrpc },
  };
}
