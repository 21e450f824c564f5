/**
 * The `check` command.
 *
 * @module
 */

import { check as checkTarget, type CheckResult } from "../inspect/check.ts";
import { remarkText } from "../errors.ts";
import { startHint } from "../plan/kvm_extra.ts";
import type { Answer, Call } from "./answer.ts";
import { optionsOf } from "./requests.ts";
import { targetOf } from "./target.ts";
import { screenWidth, table, wrap } from "../words/text.ts";

/** Status of a check with the answer no: INTERFACE, "JSON". */
const NOT_SUPPORTED = 3;

function qemuText({ qemu }: CheckResult): string {
  const parts = [
    `QEMU ${qemu.version}`,
    qemu.machine,
    qemu.pid === null ? "process unknown" : `pid ${qemu.pid}`,
    qemu.uid === null ? undefined : `uid ${qemu.uid}`,
    qemu.root === null ? undefined : `root directory ${qemu.root}`,
    qemu.user_namespace === "another" ? "own user namespace" : undefined,
    qemu.mount_namespace === "another" ? "own mount namespace" : undefined,
    qemu.seccomp ? "seccomp filter" : undefined,
    qemu.run_state,
  ];
  return parts.filter((one) => one !== undefined).join(", ");
}

function verdict({ supported, requirements }: CheckResult): string {
  if (!supported) return "Not everything can be hotplugged.";
  const missing = requirements.filter(({ ok }) => !ok);
  if (missing.length === 0) return "Devices can be hotplugged.";
  const kinds = new Set(missing.flatMap((one) => one.for));
  return `Devices can be hotplugged, except for: ${[...kinds].join(", ")}.`;
}

/** Lines above the requirements. */
const HEAD_LINES = 2;

function textOf(result: CheckResult): string[] {
  const rows = result.requirements.map((one) => [
    one.ok ? "ok" : "NO",
    one.name,
    one.for.join(", "),
    one.detail,
  ]);
  // The words for the next start stand below, for all requirements together.
  const hints = result.requirements.flatMap(({ name, hint, kvm_extra }) =>
    hint === null || kvm_extra !== null ? [] : [`hint (${name}): ${hint}`]
  );
  const start = result.kvm_extra === null ? [] : [startHint(result.kvm_extra)];
  const ways = result.ways.map(({ via, usable, detail }) => [
    usable,
    `--via ${via}`,
    detail,
  ]);
  return [
    `${result.instance}: ${qemuText(result)}`,
    ...table([["", "REQUIREMENT", "FOR", ""], ...rows]),
    ...hints,
    ...start,
    ...table([["", "WAY TO A DISK", ""], ...ways]),
    `free slots: ${result.free_slots.join(" ") || "none"}`,
    verdict(result),
    ...result.differences.flatMap((one) =>
      wrap(remarkText(one), screenWidth())
    ),
  ];
}

/** Tells whether devices can be hotplugged, and if not, why. */
export async function check(call: Call): Promise<Answer> {
  using options = optionsOf(call);
  const both = options.qmp !== undefined && options.state !== undefined;
  const result = await checkTarget(targetOf(call.invocation, options), {
    ...options,
    foreign: both ? "allowed" : "refused",
  });
  return {
    text: textOf(result),
    alerts: result.requirements.flatMap(({ ok }, i) =>
      ok ? [] : [HEAD_LINES + i]
    ),
    document: { ok: true, ...result },
    warnings: result.warnings,
    status: result.supported ? 0 : NOT_SUPPORTED,
  };
}
