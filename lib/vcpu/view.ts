/**
 * Processors as callers are told of them. Pure.
 *
 * @module
 */

import { entryView } from "../plan/view.ts";
import type { QemuFacts } from "../plan/facts.ts";
import { fixedOptions, vcpusIn } from "../state/fixed_command.ts";
import type { Runtime } from "../state/runtime.ts";
import { placesOf, presentIn, type Props } from "./places.ts";
import { DRIVER, type RecordedVcpu } from "./recorded.ts";
import type { VcpuView } from "./view_schema.ts";

/** What only processors have, nothing known. */
export const NO_DETAILS = { socket: null, core: null, thread: null } as const;

function placeMembers(props: Props) {
  return {
    socket: props["socket-id"] ?? null,
    core: props["core-id"] ?? null,
    thread: props["thread-id"] ?? null,
  };
}

/** The processors in QEMU; if the VM does not run, the processors of its next
 * start. */
export function vcpuTotals(
  { kvmCmd }: Pick<Runtime, "kvmCmd">,
  qemu: QemuFacts | undefined,
) {
  const { length: live } = qemu === undefined ? [] : presentIn(placesOf(qemu));
  if (live > 0) return { vcpus: live };
  const fixed = vcpusIn(kvmCmd);
  const { length: more } = fixedOptions(kvmCmd, "device")
    .filter(({ type }) => DRIVER.test(type));
  return { vcpus: fixed === undefined ? null : fixed + more };
}

/** A processor that the file records, or will. */
export function vcpuView(
  vcpu: Pick<RecordedVcpu, "kind" | "index" | "hvinfo" | "props">,
): VcpuView {
  return { kind: "vcpu", ...entryView(vcpu), ...placeMembers(vcpu.props) };
}
