/**
 * Answers as Ganeti's noded would give them, and what is done besides.
 *
 * @module
 */

import { namesake } from "../operation/identity.ts";
import type { IdentityMend, Request } from "../operation/request.ts";
import { instancePaths } from "../state/instance.ts";
import { readRuntimeFile } from "../state/runtime_file.ts";
import type { Answer, Call } from "../commands/answer.ts";
import { carryOut } from "../commands/change.ts";
import { check } from "../commands/check.ts";
import { reachOf } from "../commands/requests.ts";
import {
  HotplugError,
  isFailure,
  orNone,
  type Remark,
  remark,
} from "../errors.ts";
import type { CheckResult } from "../inspect/check.ts";
import type { GanetiInstance } from "./ganeti_instance.ts";

/** An answer with that which noded would give. */
function withGaneti(
  { document, ...rest }: Answer,
  payload: unknown,
): Answer {
  const whole = { ...document, ganeti: [true, payload] };
  return { ...rest, document: whole };
}

/** The hvinfo of an entry, which noded returns for a device it removed. */
function hvinfoOf(entry: string | undefined): unknown {
  if (entry === undefined) return null;
  const value = JSON.parse(entry);
  const object = Array.isArray(value) ? value[0] : value;
  return object?.hvinfo ?? null;
}

function withWarnings(answer: Answer, more: readonly Remark[]): Answer {
  return { ...answer, warnings: [...more, ...answer.warnings ?? []] };
}

const LINKS_MENDED = remark(
  "links-mended",
  "links of disks led to other disks; they follow the order of the configuration again",
);

/**
 * Brings the links to an order, as far as it is proven which disk is which.
 *
 * @param order uuids of the disks; none: nothing is known, nothing is done
 * @returns warnings
 * @throws {HotplugError} status 7, if something is left over
 */
async function mendLinks(
  { name, order }: { readonly name: string; readonly order: readonly string[] },
  call: Call,
): Promise<readonly Remark[]> {
  if (order.length === 0) return [];
  try {
    const request = { kind: "links-mend", instance: name, order } as const;
    const { outcome } = await carryOut(request, call);
    return outcome.changed
      ? [LINKS_MENDED, ...outcome.warnings]
      : outcome.warnings;
  } catch (error) {
    const harmless = error instanceof HotplugError && !error.changed;
    if (!harmless) throw error;
    const message = `the links of the disks were not checked: ${error.message}`;
    return [remark("links-not-checked", message, { hint: error.hint })];
  }
}

/**
 * Gives an entry whose uuid is right but for its end the one that a master has.
 *
 * @returns warnings
 */
async function correctUuid(
  identity: IdentityMend,
  call: Call,
): Promise<readonly Remark[]> {
  const { invocation, terminal: { env } } = call;
  const reach = reachOf(invocation, env);
  const paths = instancePaths(reach.runDir, identity.instance, reach);
  const read = () => readRuntimeFile(paths.runtime)?.runtime;
  // What is wrong with the file, the request itself tells.
  const runtime = orNone(read, isFailure);
  if (runtime === undefined || !namesake(runtime, identity)) return [];
  const { outcome } = await carryOut(identity, call);
  if (!outcome.changed) return [];
  const message = `the device is recorded with uuid ${identity.uuid} now`;
  return [remark("uuid-corrected", message)];
}

/**
 * Carries out a request between two looks at the links: what Ganeti plugs may
 * have taken another disk's link, and what is removed gives its place up.
 */
export async function changeAsGaneti(
  { request, instance, identity }: {
    readonly request: Request;
    readonly instance: GanetiInstance;
    readonly identity: IdentityMend;
  },
  call: Call,
): Promise<Answer> {
  const corrected = await correctUuid(identity, call);
  const isRemoval = request.kind === "disk-remove";
  const before = isRemoval ? [] : await mendLinks(instance, call);
  const { outcome, answer } = await carryOut(request, call);
  const order = instance.order.filter((uuid) =>
    !isRemoval || uuid !== request.device
  );
  const after = isRemoval ? await mendLinks({ ...instance, order }, call) : [];
  const removed = outcome.action === "remove" && outcome.changed;
  const payload = removed ? hvinfoOf(outcome.entry) : null;
  const warnings = [...corrected, ...before, ...after];
  return withGaneti(withWarnings(answer, warnings), payload);
}

/** What noded would say of it: one kind of device is enough. */
function verdict({ requirements }: CheckResult): [boolean, string | null] {
  const faults = (["disk", "nic"] as const).map((kind) =>
    requirements.find((one) => !one.ok && one.for.includes(kind))
  );
  if (faults.includes(undefined)) return [true, null];
  return [false, `Hotplug is not supported: ${faults[0]?.detail}`];
}

/**
 * The document of `check`, and what noded would answer.
 *
 * @throws {HotplugError} status 3 or 4
 */
export async function hotplugSupported(call: Call): Promise<Answer> {
  const answer = await check(call);
  const { document } = answer;
  const ganeti = verdict(document as unknown as CheckResult);
  return { ...answer, document: { ...document, ganeti } };
}
