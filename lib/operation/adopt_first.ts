/**
 * The first runtime file of a VM that Ganeti never started, as far as the
 * running QEMU tells it. Pure.
 *
 * @module
 */

import type { Adopted, AdoptFacts } from "../plan/adoption.ts";
import { fixedCommand, optionValues } from "../state/fixed_command.ts";
import { FIRST_HVPARAMS, type FirstHvparams } from "../state/hvparams.ts";
import { type JsonArray, jsonArray, jsonNode } from "../state/json.ts";
import type { AdoptedKind } from "./adopt_facts.ts";

/** Slots that QEMU filled from the low end at start stay reserved. */
function reservations(facts: AdoptFacts, adopted: readonly Adopted[]): number {
  const recorded = new Set(adopted.map(({ id }) => id));
  const fixed = new Set(
    facts.qemu.pci.filter(({ behind, id }) =>
      behind === "" && !recorded.has(id)
    )
      .map(({ slot }) => slot),
  );
  let first = 0;
  while (fixed.has(first)) first++;
  return Math.max(FIRST_HVPARAMS.kvm_pci_reservations, first);
}

const BOOT_ORDERS = new Map(Object.entries({
  a: "floppy",
  d: "cdrom",
  n: "network",
}));

function bootOrder(argv: readonly string[]): string {
  const boot = optionValues(argv, "-boot").at(-1) ?? "c";
  const letter = /(?:^|order=)([a-dn])/.exec(boot)?.[1] ?? "c";
  return BOOT_ORDERS.get(letter) ?? "disk";
}

function hvparams(
  facts: AdoptFacts,
  kinds: readonly AdoptedKind[],
  adopted: readonly Adopted[],
): FirstHvparams {
  const { argv } = facts.process;
  const machine = [
    ...optionValues(argv, "-machine"),
    ...optionValues(argv, "-M"),
  ].join();
  const ids = new Set(adopted.map(({ id }) => id));
  return {
    ...FIRST_HVPARAMS,
    acpi: !argv.includes("-no-acpi") && !/[,]acpi=off\b/.test(machine),
    boot_order: bootOrder(argv),
    kvm_path: facts.program,
    kvm_pci_reservations: reservations(facts, adopted),
    machine_version: facts.qemu.machine,
    use_chroot: argv.some((word) =>
      /^--?chroot$/.test(word) || /(?:^|,)chroot=/.test(word)
    ),
    ...Object.assign(
      {},
      ...kinds.map(({ adoption }) => adoption.hvparams(ids)),
    ),
  };
}

/** The document, still without disks and NICs. */
export function firstDocument(
  facts: AdoptFacts,
  kinds: readonly AdoptedKind[],
  adopted: readonly Adopted[],
): JsonArray {
  const ids = new Set(adopted.map(({ id }) => id));
  const names = kinds.map(({ adoption }) => adoption.startNames(ids));
  const words = fixedCommand(facts.process.argv, {
    devices: ids,
    netdevs: new Set(names.flatMap(({ netdevs = [] }) => netdevs)),
    drives: new Set(names.flatMap(({ drives = [] }) => drives)),
    nodes: new Set(names.flatMap(({ nodes = [] }) => nodes)),
  });
  // Ganeti writes this value as a number: SPEC 2.1.
  const command = words.map((word, at) =>
    words[at - 1] === "-m" && /^\d+$/.test(word) ? Number(word) : word
  );
  const parameters = { ...hvparams(facts, kinds, adopted) };
  return jsonArray([command, [], parameters, []].map(jsonNode));
}
