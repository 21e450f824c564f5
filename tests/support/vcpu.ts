/**
 * VMs with processors, made of plain data.
 *
 * @module
 */

import { assertThrows } from "@std/assert";
import { HotplugError } from "../../lib/errors.ts";
import type { Plan } from "../../lib/engine/plan.ts";
import type { Facts } from "../../lib/plan/facts.ts";
import type { Row } from "../../lib/plan/kind.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import { PLACES } from "../../lib/vcpu/places.ts";
import { recordedVcpus } from "../../lib/vcpu/recorded.ts";
import { facts } from "./facts.ts";

/** The driver of processors in these tests. */
export const DRIVER = "qemu64-x86_64-cpu";

/** What QEMU answers: the places with these, the highest first. */
export function answer(...holders: readonly (string | null)[]) {
  return holders.map((id, core) => ({
    "type": DRIVER,
    "vcpus-count": 1,
    "props": { "core-id": core, "thread-id": 0, "socket-id": 0 },
    ...(id === null ? {} : {
      "qom-path": id === ""
        ? "/machine/unattached/device[0]"
        : `/machine/peripheral/${id}`,
    }),
  })).reverse();
}

/** The words that record a processor with this id at this core. */
export function words(id: string, core: number): string[] {
  const place = `socket-id=0,core-id=${core},thread-id=0`;
  return ["-device", `${DRIVER},id=${id},${place}`];
}

/** A VM. */
export interface Case {
  /** Of the places: an id, empty for one of `-smp`, null for none. */
  readonly has: readonly (string | null)[];
  /** Of `kvm_cmd`. */
  readonly recorded?: readonly string[];
  readonly hvparams?: Record<string, unknown>;
  readonly qemu?: Partial<Facts["qemu"]>;
  readonly noted?: Record<string, Record<string, unknown>>;
  /** Elements of the file after the lists. */
  readonly later?: readonly unknown[];
}

/** The facts about it. */
export function given({ has, recorded = [], hvparams = {}, ...more }: Case) {
  const command = ["/usr/bin/kvm", "-smp", "1", ...recorded];
  const text = JSON.stringify([
    ...[command, [], hvparams, []],
    ...more.later ?? [],
  ]);
  const runtime = parseRuntime(text, "/x");
  const base = facts({});
  const places = PLACES.read(answer(...has));
  const ids = has.filter((id) => id !== null && id !== "") as string[];
  const devices = Object.fromEntries(
    Object.entries(more.noted ?? {}).map((
      [id, note],
    ) => [id, { kind: "vcpu", ...note }]),
  );
  return {
    ...base,
    content: { ...base.content, runtime },
    recorded: recordedVcpus(runtime),
    own: { ...base.own, record: { ...base.own.record, devices } },
    qemu: {
      ...base.qemu,
      commands: new Set([
        ...["query-hotpluggable-cpus", "device_add", "device_del"],
      ]),
      more: { vcpuPlaces: places },
      deviceIds: new Set(ids),
      drivers: new Map(ids.map((id) => [id, DRIVER])),
      ...more.qemu,
    },
  };
}

/** The operations of a row: kind, id, processors after it. */
export function partsOf(row: Plan | Row): (string | number)[][] {
  if (!("parts" in row)) throw new TypeError("a plan");
  return row.parts.map(({ request, reached }) => {
    const { kind, chosen, device = "" } = request as {
      kind: string;
      chosen?: { id: string; place: string };
      device?: string;
    };
    return [kind, chosen?.id ?? device, reached];
  });
}

/** The code of a refusal. */
export function codeOf(work: () => unknown): string {
  return assertThrows(work, HotplugError).code;
}

/** The steps of a plan. */
export function steps(plan: Plan | Row) {
  if (!("steps" in plan)) throw new TypeError("a row");
  return plan.steps as unknown as readonly Record<string, unknown>[];
}

/** The facts of a comparison. */
export function whole(one: Case) {
  return {
    ...given(one),
    confinement: undefined,
    openFiles: undefined,
    leftovers: [],
  };
}
