/**
 * The options of the Ansible modules, from the OpenRPC document.
 *
 * @module
 */

import { COMMON, type ModuleSpec, type OwnOption } from "./modules.ts";

/** A parameter of a method. */
interface Param {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly schema: {
    readonly type?: string;
    readonly enum?: readonly string[];
    readonly const?: string;
    readonly anyOf?: readonly Param["schema"][];
  };
}

export interface Method {
  readonly name: string;
  readonly summary: string;
  readonly params: readonly Param[];
}

/** An option of a module. */
export interface Option {
  readonly description: readonly string[];
  readonly type: string;
  readonly required?: boolean;
  readonly choices?: readonly string[];
  readonly default?: string;
}

export type Options = Readonly<Record<string, Option>>;

/** Parameters that the modules set themselves. */
const NOT_OPTIONS = ["dry_run"];

/** Parameters that have another name as an option. */
export const RENAMED: Readonly<Record<string, string>> = {
  state: "state_file",
};

/** Types that the schema tells less exactly. */
const TYPES: Readonly<Record<string, string>> = { count: "int" };

/** Ansible's word for a type of JSON Schema. */
function typeOf({ name, schema }: Param): string {
  const all = schema.anyOf ?? [schema];
  const types = all.map(({ type }) => type);
  const known = TYPES[name];
  if (known !== undefined) return known;
  // A number, or the word none.
  if (all.some((one) => one.const !== undefined)) return "str";
  // A size: Ansible's type takes k M G T, too.
  if (types[0] === "integer" && types[1] === "string") return "bytes";
  if (types.includes("object")) return "raw";
  const words: Record<string, string> = {
    boolean: "bool",
    integer: "int",
    number: "float",
    string: "str",
  };
  const word = words[types[0] ?? ""];
  if (word === undefined) throw new Error(`no type of Ansible for ${name}`);
  return word;
}

/** A sentence, with options as Ansible marks them. */
function sentence(text: string): string {
  const marked = text.replaceAll(
    /--([a-z][a-z-]*)/g,
    (_, name: string) => `I(${name.replaceAll("-", "_")})`,
  );
  return `${marked.charAt(0).toUpperCase()}${marked.slice(1)}`;
}

/** V and O are new in ansible-core 2.15: for 2.14, what they looked like. */
export function marked(text: string): string {
  return text.replaceAll(/\bV\(/g, "C(").replaceAll(/\bO\(/g, "I(");
}

function words(method: string): string {
  return method.replaceAll(".", " ");
}

/** A flag's negated form is the value false of the flag. */
function isNegation({ name }: Param, { params }: Method): boolean {
  return name.startsWith("no_") &&
    params.some((one) => one.name === name.slice(3));
}

/** The parameters of every method: not of these, but of how all are run. */
export function commonParams(all: readonly Method[]): Param[] {
  return methodOf(all, "schema").params
    .filter(({ name }) => name !== "openrpc");
}

function methodOf(all: readonly Method[], name: string): Method {
  const found = all.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no method ${name}`);
  return found;
}

/** An option that no command has, as ansible-core 2.14 shows it. */
function ownOptions(own: Readonly<Record<string, OwnOption>>) {
  return Object.entries(own).map(([name, one]): [string, Option] => [
    name,
    { ...one, description: one.description.map(marked) },
  ]);
}

/** An option, without what it is used for. */
function optionFrom(param: Param): Option {
  const { description, schema } = param;
  return {
    description: [sentence(description)],
    type: typeOf(param),
    ...(schema.enum && { choices: schema.enum }),
  };
}

/** The options of every module. */
export function commonOptions(all: readonly Method[]): Options {
  const params = commonParams(all).map((one): [string, Option] => [
    RENAMED[one.name] ?? one.name,
    optionFrom(one),
  ]);
  return Object.fromEntries([...params, ...ownOptions(COMMON)]);
}

/** The options of a module alone, and the long ones of each of its commands. */
export class Collected {
  readonly options: Record<string, Option> = {};
  readonly commands: Record<string, string[]> = {};

  constructor(readonly spec: ModuleSpec, all: readonly Method[]) {
    const methods = spec.methods.map((name) => methodOf(all, name));
    const others = [
      ...NOT_OPTIONS,
      ...commonParams(all).map((one) => one.name),
    ];
    for (const method of methods) {
      const params = method.params.filter(({ name }) => !others.includes(name));
      for (const param of params.filter((one) => !isNegation(one, method))) {
        this.options[param.name] ??= this.#option(param, methods);
      }
      this.commands[words(method.name)] = params
        .filter((one) => !this.#isOperand(one))
        .map(({ name }) => name.replaceAll("_", "-"));
    }
    Object.assign(this.options, Object.fromEntries(ownOptions(spec.own ?? {})));
  }

  /** Operands come before options, and the module itself places them. */
  #isOperand({ name, required }: Param): boolean {
    return required || this.spec.optional.includes(name);
  }

  #option(param: Param, methods: readonly Method[]): Option {
    const { name } = param;
    const users = methods.filter(({ params }) =>
      params.some((one) => one.name === name)
    );
    const used = users.map((one) => `C(${words(one.name)})`).join(", ");
    const isForAll = users.length === methods.length;
    const required = param.required && !this.spec.optional.includes(name);
    const option = optionFrom(param);
    return {
      ...option,
      ...(!isForAll &&
        { description: [...option.description, `Of ${used}.`] }),
      ...(required && { required }),
    };
  }
}
