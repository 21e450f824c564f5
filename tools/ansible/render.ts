/**
 * Makes the modules of the Ansible collection from the OpenRPC document: their
 * options, types, choices and descriptions.
 *
 * @module
 */

import { SCHEMA } from "../../lib/commands/document.ts";
import { openRpc } from "../../lib/rpc/discover.ts";
import { VERSION } from "../../lib/version.ts";
import { MODULES } from "./modules.ts";
import {
  Collected,
  commonOptions,
  commonParams,
  marked,
  type Method,
  type Options,
  RENAMED,
} from "./options.ts";
import { literal, type Value, yamlTexts } from "./python.ts";

function optionsText(options: Options): string {
  let text = "options:\n";
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
  return text;
}

function documentation({ spec, options }: Collected): string {
  return `---
module: ${spec.name}
short_description: ${spec.summary}
version_added: 0.1.0
author:
  - The authors of kvm-hotplug (@kvm-hotplug)
description:
${yamlTexts(spec.description.map(marked), "  ")}extends_documentation_fragment:
  - kvm_hotplug.node.common
${optionsText(options)}`;
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

/** The package of what the modules import. */
const UTILS = "ansible_collections.kvm_hotplug.node.plugins.module_utils";

/** In each module: Ansible's fragments have no results. */
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
function argumentSpec(options: Options): Value {
  const entries = Object.entries(options).map(([name, one]) => {
    const { description: _, ...rest } = one;
    return [name, rest as Value] as const;
  });
  return Object.fromEntries(entries);
}

const LICENSE = `# Copyright: (c) kvm-hotplug contributors
# MIT License (see LICENSE of kvm-hotplug)
# Made by \`deno task ansible\`: do not edit.
`;

const FUTURE = `from __future__ import absolute_import, division, print_function

__metaclass__ = type
`;

function moduleText(collected: Collected): string {
  const { spec, options, commands } = collected;
  const rules = Object.entries(spec.rules ?? {}).map(([name, value]) =>
    `        ${name}=${literal(value as Value, "        ")},\n`
  ).join("");
  return `#!/usr/bin/python
${LICENSE}
${FUTURE}
DOCUMENTATION = r"""
${documentation(collected)}"""

EXAMPLES = r"""
---
${spec.examples.trim()}
"""

RETURN = r"""
${RETURN}${spec.returns?.trimStart() ?? ""}"""

from ansible.module_utils.basic import AnsibleModule
from ${UTILS}.arguments import COMMON
from ${UTILS}.devices import ${spec.name}
from ${UTILS}.tool import Tool

ARGUMENTS = ${literal(argumentSpec(options))}

# The long options of each command.
COMMANDS = ${literal(commands)}


def main():
    module = AnsibleModule(
        argument_spec=dict(COMMON, **ARGUMENTS),
        supports_check_mode=True,
${rules}    )
    ${spec.name}(Tool(module, COMMANDS))


if __name__ == "__main__":
    main()
`;
}

/** The documentation that all modules have in common. */
function fragmentText(all: readonly Method[]): string {
  return `${LICENSE}
${FUTURE}

class ModuleDocFragment(object):
    """What all modules have in common."""

    DOCUMENTATION = r"""
---
${optionsText(commonOptions(all))}${ATTRIBUTES}notes:
${yamlTexts(NOTES, "  ")}"""
`;
}

/** The arguments that all modules have in common. */
function argumentsText(all: readonly Method[]): string {
  const long = commonParams(all).map(({ name }) => name.replaceAll("_", "-"));
  return `${LICENSE}"""What all modules have in common."""

${FUTURE}
# The \`schema\` of the documents that are understood.
SCHEMA = ${SCHEMA}

COMMON = ${literal(argumentSpec(commonOptions(all)))}

# The long options of every command.
OPTIONS = ${literal(long)}

# Options of the modules that have another name than the long ones.
RENAMED = ${literal(RENAMED)}
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
  files.set("plugins/doc_fragments/common.py", fragmentText(methods));
  files.set("plugins/module_utils/arguments.py", argumentsText(methods));
  for (const spec of MODULES) {
    const text = moduleText(new Collected(spec, methods));
    files.set(`plugins/modules/${spec.name}.py`, text);
  }
  return files;
}
