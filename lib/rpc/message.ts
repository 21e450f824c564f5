/**
 * JSON-RPC 2.0 messages, https://www.jsonrpc.org/specification: a line in,
 * requests out; an answer in, a line out. Pure.
 *
 * @module
 */

import { exitStatus, type HotplugError, usage } from "../errors.ts";
import {
  type JsonNode,
  type JsonObject,
  JsonSyntaxError,
  member,
  parseJson,
  stringMember,
} from "../state/json.ts";
import type { Answer } from "../commands/answer.ts";
import {
  answerDocument,
  documentLine,
  finished,
} from "../commands/document.ts";
import { failureDocument } from "../commands/report.ts";
import { maskSecrets } from "../words/secrets.ts";
import { jsonLine, printable } from "../words/text.ts";

/** Faults of a message itself: JSON-RPC 2.0, section 5.1. */
export const RPC_ERRORS = {
  /** The line is not JSON. */
  parse: -32700,
  /** It is JSON but not a request. */
  invalid: -32600,
  /** The method does not exist. */
  method: -32601,
  /** The method does not accept a list of parameters. */
  params: -32602,
} as const;

/** A request that was read. */
export interface RpcRequest {
  /** JSON text, to the letter; undefined: a notification, never answered. */
  readonly id: string | undefined;
  /** e.g. `disk.add`; may be unknown. */
  readonly method: string;
  /** An object or an array; undefined if omitted. */
  readonly params: JsonNode | undefined;
}

/** A message that cannot be carried out, with its answer. */
export interface RpcFault {
  /** The line that answers it, without a line break. */
  readonly answer: string;
}

/** The content of a line: one message, or a batch with one common answer. */
export interface RpcLine {
  /** `batch`: the answers go into one array. */
  readonly form: "single" | "batch";
  /** In the line's order. */
  readonly messages: readonly (RpcRequest | RpcFault)[];
}

/** More requests in one batch are refused. */
const MAX_BATCH = 1_000;

/** An answer with this member. */
export function response(id: string, rest: string): string {
  return `{"jsonrpc":"2.0","id":${printable(id)},${rest}}`;
}

/** The answer to a request that was carried out. */
export function resultText(
  id: string,
  answer: Pick<Answer, "document" | "warnings" | "isVerbatim">,
): string {
  const line = documentLine(answerDocument(answer), answer.isVerbatim);
  return response(id, `"result":${line}`);
}

/** The error object's `code` of a failure: INTERFACE, "rpc". */
function codeOf(error: HotplugError): number {
  return -32000 - exitStatus(error.code);
}

/** The answer to a request that failed. */
export function errorText(
  id: string,
  { error, instance, code = codeOf(error), more = {} }: {
    readonly error: HotplugError;
    readonly instance?: string | undefined;
    readonly code?: number;
    readonly more?: Readonly<Record<string, unknown>>;
  },
): string {
  const data = finished({ ...failureDocument(error, instance), ...more });
  const body = { code, message: error.message, data };
  return response(id, `"error":${maskSecrets(jsonLine(body))}`);
}

/** The answer to a line that is not a request. */
export function faultText(code: number, message: string, id = "null"): string {
  return errorText(id, { error: usage(message), code });
}

function invalid(message: string, id?: string): RpcFault {
  return { answer: faultText(RPC_ERRORS.invalid, message, id) };
}

/** The id for the answer, undefined if the message has no usable id. */
function idOf(node: JsonObject): string | undefined {
  const id = member(node, "id");
  return id?.type === "string" || id?.type === "number" ? id.text : undefined;
}

function readRequest(node: JsonNode): RpcRequest | RpcFault {
  if (node.type !== "object") {
    return invalid(`A request must be an object: it is ${node.type}`);
  }
  // JSON-RPC 2.0, section 5: null only if there is no usable id.
  const told = idOf(node);
  if (stringMember(node, "jsonrpc") !== "2.0") {
    return invalid('A request must have "jsonrpc": "2.0"', told);
  }
  const method = stringMember(node, "method");
  if (method === undefined) {
    return invalid('A request must have a "method", a text', told);
  }
  const params = member(node, "params");
  if (params && params.type !== "object" && params.type !== "array") {
    return invalid(`"params" must be an object: it is ${params.type}`, told);
  }
  const id = member(node, "id");
  if (id === undefined) return { id, method, params };
  if (id.type === "object" || id.type === "array" || id.type === "boolean") {
    return invalid(`"id" must be a text or a number: it is ${id.type}`);
  }
  return { id: id.text, method, params };
}

function parse(line: string): JsonNode | RpcFault {
  try {
    return parseJson(line);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return {
      answer: faultText(RPC_ERRORS.parse, `Not JSON: ${error.message}`),
    };
  }
}

/** Reads one line; it never throws. */
export function readRpcLine(line: string): RpcLine {
  const node = parse(line);
  if ("answer" in node) return { form: "single", messages: [node] };
  if (node.type !== "array") {
    return { form: "single", messages: [readRequest(node)] };
  }
  const count = node.items.length;
  if (count === 0 || count > MAX_BATCH) {
    const why = `A batch must have 1 to ${MAX_BATCH} requests: it has ${count}`;
    return { form: "single", messages: [invalid(why)] };
  }
  return { form: "batch", messages: node.items.map(readRequest) };
}
