/**
 * Makes the modules of the Ansible collection from the OpenRPC document: their
 * options, types, choices and descriptions.
 *
 * @module
 */

import { SCHEMA } from "../../lib/commands/document.ts";
import { openRpc } from "../../lib/rpc/discover.ts";
import { VERSION } from "../../lib/version.ts";
import { COMMON, MODULES, type ModuleSpec } from "./modules.ts";
import { literal, type Value, yamlTexts } from "./python.ts";

/** A parameter of a method. */
interface Param {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly schema: {
    readonly type?: string;
    readonly enum?: readonly string[];
    readonly anyOf?: readonly Param["schema"][];
  };
}

interface Method {
  readonly name: string;
  readonly summary: string;
  readonly params: readonly Param[];
}

/** An option of a module. */
interface Option {
  readonly description: readonly string[];
  readonly type: string;
  readonly required?: boolean;
  readonly choices?: readonly string[];
  readonly default?: string;
}

/** Parameters that the modules set themselves. */
const NOT_OPTIONS = ["dry_run"];

/** Parameters that have another name as an option. */
const RENAMED: Readonly<Record<string, string>> = { state: "state_file" };

/** Types that the schema tells less exactly. */
const TYPES: Readonly<Record<string, string>> = { count: "int" };

function optionOf(param: string): string {
  return RENAMED[param] ?? param;
}

/** Ansible's word for a type of JSON Schema. */
function typeOf({ name, schema }: Param): string {
  const types = (schema.anyOf ?? [schema]).map(({ type }) => type);
  const known = TYPES[name];
  if (known !== undefined) return known;
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
function marked(text: string): string {
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
function commonParams(methods: readonly Method[]): string[] {
  const help = methods.find(({ name }) => name === "schema");
  return (help?.params ?? []).map(({ name }) => name)
    .filter((name) => name !== "openrpc");
}

/** The options of a module, and of each of its commands. */
class Collected {
  readonly options: Record<string, Option> = {};
  readonly commands: Record<string, Record<string, string>> = {};
  readonly common: Record<string, string> = {};

  constructor(
    readonly spec: ModuleSpec,
    private readonly all: readonly Method[],
  ) {
    const methods = spec.methods.map((name) => this.#method(name));
    for (const method of methods) this.#take(method, methods);
    for (const own of [spec.own ?? {}, COMMON]) {
      for (const [name, one] of Object.entries(own)) {
        this.options[name] = {
          ...one,
          description: one.description.map(marked),
        };
      }
    }
  }

  #method(name: string): Method {
    const found = this.all.find((one) => one.name === name);
    if (found === undefined) throw new Error(`no method ${name}`);
    return found;
  }

  #take(method: Method, methods: readonly Method[]): void {
    const common = commonParams(this.all);
    const options: Record<string, string> = {};
    for (const param of method.params) {
      if (NOT_OPTIONS.includes(param.name)) continue;
      const key = optionOf(param.name);
      const long = param.name.replaceAll("_", "-");
      const isOperand = this.#isOperand(param);
      if (isNegation(param, method)) {
        options[long] = key.slice(3);
        continue;
      }
      if (common.includes(param.name)) this.common[long] = key;
      else if (!isOperand) options[long] = key;
      this.options[key] ??= this.#option(param, methods);
    }
    this.commands[words(method.name)] = options;
  }

  /** Operands come before options, and the module itself places them. */
  #isOperand({ name, required }: Param): boolean {
    return required || this.spec.optional.includes(name);
  }

  #option(param: Param, methods: readonly Method[]): Option {
    const { name, description, schema } = param;
    const users = methods.filter(({ params }) =>
      params.some((one) => one.name === name)
    );
    const used = users.map((one) => `C(${words(one.name)})`).join(", ");
    const isForAll = users.length === methods.length;
    const texts = [sentence(description)];
    if (!isForAll) texts.push(`Of ${used}.`);
    const required = param.required && !this.spec.optional.includes(name);
    return {
      description: texts,
      type: typeOf(param),
      ...(required && { required }),
      ...(schema.enum && { choices: schema.enum }),
    };
  }
}

function documentation({ spec, options }: Collected): string {
  let text = `---
module: ${spec.name}
short_description: ${spec.summary}
version_added: 0.1.0
author:
  - The authors of kvm-hotplug (@kvm-hotplug)
description:
${yamlTexts(spec.description.map(marked), "  ")}options:
`;
  for (const [name, one] of Object.entries(options)) {
    text += `  ${name}:\n    description:\n`;
    text += yamlTexts(one.description, "      ");
    text += `    type: ${one.type}\n`;
    if (one.required) text += "    required: true\n";
    if (one.choices) {
      text += "    choices:\n";
      for (const choice of one.choices) text += `      - "${choice}"\n`;
    }
    if (one.default) text += `    default: ${one.default}\n`;
  }
  return text + `${ATTRIBUTES}notes:
${yamlTexts(NOTES, "  ")}`;
}

const ATTRIBUTES = `attributes:
  check_mode:
    support: full
    description:
      - All checks are made against the live VM; nothing is changed.
  diff_mode:
    support: partial
    description:
      - In check mode, the diff shows each step and what takes it back.
`;

const NOTES = [
  "Runs as root on the node of the VM.",
  "The options come from C(kvm-hotplug schema): C(kvm-hotplug help) says more.",
];

const RETURN = `---
status:
  description:
    - The exit status of kvm-hotplug.
    - "C(3): refused before anything was changed; C(4): the VM did not answer."
    - "C(5): failed and undone."
    - "C(6): the guest has not released the device yet: try again later."
    - "C(7): something is left over: use the module repair."
  returned: if kvm-hotplug was run
  type: int
  sample: 0
document:
  description:
    - The JSON document of the last command, as C(kvm-hotplug schema) describes it.
    - For a failure, I(error) has its code, message and hint.
  returned: if kvm-hotplug was run
  type: dict
device:
  description:
    - The device that was added, changed or removed.
  returned: if there is one
  type: dict
commands:
  description:
    - The command lines that were run, as lists of words.
  returned: if kvm-hotplug was run
  type: list
  elements: list
`;

/** The argument specification: the options without their descriptions. */
function argumentSpec({ options }: Collected): Value {
  const entries = Object.entries(options).map(([name, one]) => {
    const { description: _, ...rest } = one;
    return [name, rest as Value] as const;
  });
  return Object.fromEntries(entries);
}

function moduleText(collected: Collected): string {
  const { spec, commands, common } = collected;
  const rules = Object.entries(spec.rules ?? {}).map(([name, value]) =>
    `        ${name}=${literal(value as Value, "        ")},\n`
  ).join("");
  return `#!/usr/bin/python
# Copyright: (c) kvm-hotplug contributors
# MIT License (see LICENSE of kvm-hotplug)
# Made by \`deno task ansible\`: do not edit.

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = r"""
${documentation(collected)}"""

EXAMPLES = r"""
---
${spec.examples.trim()}
"""

RETURN = r"""
${RETURN}${spec.returns?.trimStart() ?? ""}"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.kvm_hotplug.node.plugins.module_utils.devices import ${spec.name}
from ansible_collections.kvm_hotplug.node.plugins.module_utils.tool import Tool

# The \`schema\` of the documents that are understood.
SCHEMA = ${SCHEMA}

ARGUMENTS = ${literal(argumentSpec(collected))}

# By the long options of each command: the options of this module.
COMMANDS = ${literal(commands)}

# The same, of every command.
COMMON = ${literal(common)}


def main():
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
${rules}    )
    ${spec.name}(Tool(module, SCHEMA, COMMANDS, COMMON))


if __name__ == "__main__":
    main()
`;
}

const GALAXY = `---
namespace: kvm_hotplug
name: node
version: ${VERSION}
readme: README.md
authors:
  - The authors of kvm-hotplug
description: Hotplug of disks, NICs, processors and memory of QEMU/KVM VMs
license:
  - MIT
tags:
  - infrastructure
  - virtualization
dependencies: {}
repository: https://example.com/kvm-hotplug
`;

/** The generated files, by their path in the collection. */
export async function collectionFiles(): Promise<Map<string, string>> {
  const { methods } = await openRpc() as unknown as { methods: Method[] };
  const files = new Map([["galaxy.yml", GALAXY]]);
  for (const spec of MODULES) {
    const text = moduleText(new Collected(spec, methods));
    files.set(`plugins/modules/${spec.name}.py`, text);
  }
  return files;
}
