/**
 * Ansible of the distribution, with what its own checks of a collection need.
 *
 * @module
 */

import { install } from "./apt.ts";
import { exists, isInPath } from "./run.ts";
import type { Log } from "./types.ts";

const PROGRAMS = {
  ansible: "ansible-core",
  "ansible-lint": "ansible-lint",
  yamllint: "yamllint",
} as const;

/** Where Debian puts packages of Python. */
const PYTHON = "/usr/lib/python3/dist-packages";

/** The imports of ansible-test's checks, and their packages. */
const MODULES = {
  voluptuous: "python3-voluptuous",
  "pycodestyle.py": "python3-pycodestyle",
} as const;

/** The folder of ansible-test's checks. */
export const SANITY = `${PYTHON}/ansible_test/_util/controller/sanity`;

/** Installs what is missing. */
export async function ensureAnsible(log: Log): Promise<void> {
  const packages: string[] = [];
  for (const [program, name] of Object.entries(PROGRAMS)) {
    if (!await isInPath(program)) packages.push(name);
  }
  for (const [module, name] of Object.entries(MODULES)) {
    if (!await exists(`${PYTHON}/${module}`)) packages.push(name);
  }
  if (packages.length > 0) await install(packages, log);
}
