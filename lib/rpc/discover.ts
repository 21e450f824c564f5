/**
 * The OpenRPC document of `rpc`: https://spec.open-rpc.org. Methods and their
 * parameters come from the table of commands.
 *
 * @module
 */

import { NEGATABLE } from "../commands/args.ts";
import { COMMANDS } from "../commands/commands.ts";
import { jsonSchema } from "../commands/json_schema.ts";
import { kindOfOperand } from "../kinds.ts";
import { STATUSES } from "../commands/usage.ts";
import type { Json } from "../qmp/message.ts";
import { VERSION } from "../version.ts";
import {
  type Amount,
  type CommandSpec,
  dotted,
  type OptionSpec,
  SIZE,
} from "../words/options.ts";
import {
  GANETI_METHODS,
  GANETI_PARAMETERS,
  type GanetiMethod,
} from "./ganeti.ts";
import { isMethod, isRest, keyOf, REQUEST_OPTIONS } from "./invocation.ts";

const TEXT = { type: "string", minLength: 1 };

/** The range of a number, for bytes also as a text. */
function amountSchema({ unit, min, max }: Amount): Json {
  const type = unit === "seconds" ? "number" : "integer";
  const number = { type, minimum: min, maximum: max };
  if (unit !== "bytes") return number;
  const pattern = "^[0-9]+([.][0-9]+)?[kKmMgGtT]?$";
  return { anyOf: [number, { type: "string", pattern }] };
}

function valueSchema(option: OptionSpec): Json {
  const { value, choices, others, amount, none, json } = option;
  if (value === undefined) return { type: "boolean" };
  if (others !== undefined) return { ...TEXT, examples: choices };
  if (choices !== undefined) return { type: "string", enum: choices };
  if (amount !== undefined) {
    const number = amountSchema(amount);
    const word = { type: "string", const: "none" };
    return none === undefined ? number : { anyOf: [number, word] };
  }
  return json === undefined ? TEXT : { anyOf: [TEXT, { type: "object" }] };
}

/** The value without the option, if it is a value. */
function fallbackOf(option: OptionSpec): Json {
  const { default: word, choices, value, amount } = option;
  if (word === undefined) return value === undefined ? { default: false } : {};
  if (choices?.includes(word)) return { default: word };
  return amount && /^[0-9]+$/.test(word) ? { default: Number(word) } : {};
}

function key(name: string): string {
  return name.replaceAll("-", "_");
}

/** An option, and its negated form if it has one. */
function optionParams(option: OptionSpec): Json[] {
  const { name, help, default: fallback } = option;
  const told = fallback === undefined ? help : `${help}. Default: ${fallback}`;
  const param = {
    name: key(name),
    description: `${told}.`,
    required: false,
    schema: { ...valueSchema(option), ...fallbackOf(option) },
  };
  if (!NEGATABLE.includes(name)) return [param];
  const off = {
    ...param,
    name: key(`no-${name}`),
    description: `Not ${name}.`,
  };
  return [param, off];
}

/** What operands are that select no device; the rest says its own word. */
const OPERANDS = new Map(Object.entries({
  instance: "A whole name, or the first part of exactly one, up to a dot.",
  source: "An absolute path, a URI, or none: a drive without a medium.",
  size: "Bytes, or a number with k, M, G or T: powers of 1024.",
  count: "How many, at least 1.",
}));

/** What selects a device of a kind; undefined if the operand is another. */
function selectionOf(name: string): string | undefined {
  const selects = kindOfOperand(name.toUpperCase())?.selects;
  return selects && `${selects.charAt(0).toUpperCase()}${selects.slice(1)}.`;
}

function operandParam(operand: string): Json {
  const name = keyOf(operand);
  const word = { anyOf: [TEXT, { type: "number" }] };
  const rest = { anyOf: [{ type: "object" }, { type: "array", items: word }] };
  return {
    name,
    description: OPERANDS.get(name) ?? selectionOf(name) ??
      `${operand} of the command line.`,
    required: !operand.startsWith("["),
    schema: isRest(operand)
      ? rest
      : name === "size"
      ? amountSchema(SIZE)
      : word,
  };
}

const FAILURES = STATUSES.filter(([status]) => status !== "0")
  .map(([status, message]) => ({
    code: -32000 - Number(status),
    message,
    data: { $ref: "#/$defs/failure_document" },
  }));

function method(
  { name, summary, params, result }: {
    readonly name: string;
    readonly summary: string;
    readonly params: readonly Json[];
    readonly result: Json;
  },
): Json {
  return {
    name,
    summary,
    paramStructure: "by-name",
    params,
    result: { name: "document", schema: result },
    errors: FAILURES,
  };
}

function commandMethod(command: CommandSpec): Json {
  return method({
    name: dotted(command),
    summary: command.summary,
    params: [
      ...command.operands.map(operandParam),
      ...[...command.options, ...REQUEST_OPTIONS].flatMap(optionParams),
    ],
    result: { $ref: `#/$defs/${command.document}_document` },
  });
}

/** The types of Ganeti's own parameters: SPEC 5.3. */
const GANETI_VALUES = new Map<string, Json>(Object.entries({
  instance: {
    description: "The serialised Instance, or its name.",
    schema: { anyOf: [TEXT, { type: "object" }] },
  },
  action: {
    description: "What to do.",
    schema: { type: "string", enum: ["hotadd", "hotremove", "hotmod"] },
  },
  dev_type: {
    description: "The kind of the device.",
    schema: { type: "string", enum: ["disk", "nic"] },
  },
  device: {
    description: "The serialised Disk or NIC.",
    schema: { type: "object" },
  },
  disk: { description: "The serialised Disk.", schema: { type: "object" } },
  new_size: {
    description: "Bytes.",
    schema: { type: "integer", minimum: 1 },
  },
  extra: {
    description: "The link and the URI of a disk that is added.",
    schema: {
      anyOf: [{ type: "array" }, { type: "string" }, { type: "null" }],
    },
  },
  seq: {
    description: "The place of the device; -1: the next.",
    schema: { type: "integer", minimum: -1, maximum: 999 },
  },
}));

const NOT_NEEDED = ["extra", "seq"];

/** The actions and the answers of Ganeti's own methods. */
const GANETI: Readonly<
  Record<GanetiMethod, Pick<CommandSpec, "summary" | "document">>
> = {
  hotplug_supported: {
    summary: "as noded of Ganeti has it: can devices be hotplugged?",
    document: "check",
  },
  hotplug_device: {
    summary: "as noded of Ganeti has it: add, remove or modify a device",
    document: "change",
  },
  resize_disk: {
    summary: "as noded of Ganeti has it: tell the guest that a disk has grown",
    document: "change",
  },
};

function ganetiMethod(name: GanetiMethod): Json {
  const { summary, document } = GANETI[name];
  const own = GANETI_PARAMETERS[name].map((one) => ({
    name: one,
    required: !NOT_NEEDED.includes(one),
    ...GANETI_VALUES.get(one),
  }));
  return method({
    name,
    summary,
    params: [...own, ...REQUEST_OPTIONS.flatMap(optionParams)],
    result: { $ref: `#/$defs/${document}_document` },
  });
}

/** The OpenRPC document. */
export async function openRpc(): Promise<Json> {
  const { $defs } = await jsonSchema();
  const whole = {
    openrpc: "1.3.2",
    info: {
      title: "kvm-hotplug rpc",
      version: VERSION,
      description:
        "JSON-RPC 2.0 on stdin and stdout, one message per line. A result is the command's --json document. An error has code -32000 minus the exit status, and the document as data.",
    },
    methods: [
      ...GANETI_METHODS.map(ganetiMethod),
      ...COMMANDS.filter(isMethod).map(commandMethod),
    ],
    components: { schemas: $defs },
  };
  // The place of schemas in such a document.
  return JSON.parse(
    JSON.stringify(whole).replaceAll("#/$defs/", "#/components/schemas/"),
  );
}
