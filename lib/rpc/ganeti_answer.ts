/**
 * Answers in the form of Ganeti's noded, and additional actions.
 *
 * @module
 */

import { namesake } from "../operation/identity.ts";
import type { IdentityMend, Request } from "../operation/request.ts";
import { instancePaths } from "../state/instance.ts";
import { readRuntimeFile } from "../state/runtime_file.ts";
import type { Answer, Call } from "../commands/answer.ts";
import { type Carried, carryOut } from "../commands/change.ts";
import { check } from "../commands/check.ts";
import { reachOf } from "../commands/requests.ts";
import {
  HotplugError,
  isFailure,
  orNone,
  type Remark,
  remark,
  withDetails,
} from "../errors.ts";
import type { Outcome } from "../operation/outcome.ts";
import type { CheckResult } from "../inspect/check.ts";
import type { GanetiInstance } from "./ganeti_instance.ts";

/** An answer together with noded's answer. */
function withGaneti(
  { document, ...rest }: Answer,
  payload: unknown,
): Answer {
  const whole = { ...document, ganeti: [true, payload] };
  return { ...rest, document: whole };
}

/** The hvinfo of an entry, which noded returns for a removed device. */
function hvinfoOf(entry: string | undefined): unknown {
  if (entry === undefined) return null;
  const value = JSON.parse(entry);
  const object = Array.isArray(value) ? value[0] : value;
  return object?.hvinfo ?? null;
}

/** Actions beside a request, and the things that they repaired. */
class Besides {
  /** What earlier calls had left. */
  readonly settled: Remark[] = [];
  readonly warnings: Remark[] = [];
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  /** Carries out a request of its own. @throws {HotplugError} */
  async carryOut(request: Request): Promise<Outcome> {
    const { outcome } = await carryOut(request, this.#call);
    this.settled.push(...outcome.settled ?? []);
    return outcome;
  }

  /** The answer to the request, which tells of that, too. */
  answer({ document, warnings = [], settled = [], ...rest }: Answer): Answer {
    const all = [...this.settled, ...settled];
    return {
      ...rest,
      document: { ...document, settled: all },
      settled: all,
      warnings: [...this.warnings, ...warnings],
    };
  }

  /** A failure has no warnings: what was done before it is settled. */
  failure(error: unknown): unknown {
    if (!(error instanceof HotplugError)) return error;
    const settled = [...this.settled, ...this.warnings, ...error.settled];
    return withDetails(error, { settled });
  }
}

const LINKS_MENDED = remark(
  "links-mended",
  "links of disks led to other disks; they follow the order of the configuration again",
);

/**
 * Brings the links to an order, as far as it is proven which disk is which.
 *
 * @param order uuids of the disks; none: nothing is known, nothing is done
 * @throws {HotplugError} status 7, if something is left over
 */
async function mendLinks(
  { name, order }: { readonly name: string; readonly order: readonly string[] },
  besides: Besides,
): Promise<void> {
  if (order.length === 0) return;
  try {
    const request = { kind: "links-mend", instance: name, order } as const;
    const { changed, warnings } = await besides.carryOut(request);
    besides.warnings.push(...changed ? [LINKS_MENDED] : [], ...warnings);
  } catch (error) {
    const harmless = error instanceof HotplugError && !error.changed;
    if (!harmless) throw error;
    besides.settled.push(...error.settled);
    const message = `the links of the disks were not checked: ${error.message}`;
    const { hint } = error;
    besides.warnings.push(remark("links-not-checked", message, { hint }));
  }
}

/**
 * If only the end of an entry's uuid is wrong, gives the entry the master's
 * uuid.
 */
async function correctUuid(
  identity: IdentityMend,
  call: Call,
  besides: Besides,
): Promise<void> {
  const { invocation, terminal: { env } } = call;
  const reach = reachOf(invocation, env);
  const paths = instancePaths(reach.runDir, identity.instance, reach);
  const read = () => readRuntimeFile(paths.runtime)?.runtime;
  // If the file is faulty, the request itself reports it.
  const runtime = orNone(read, isFailure);
  if (runtime === undefined || !namesake(runtime, identity)) return;
  const { changed } = await besides.carryOut(identity);
  if (!changed) return;
  const message = `the device is recorded with uuid ${identity.uuid} now`;
  besides.warnings.push(remark("uuid-corrected", message));
}

/** What takes away the backend that a failed addition of Ganeti's left. */
function leftoverRemoval(
  { list, instance, uuid }: IdentityMend,
): Request {
  const about = { instance, device: uuid, unrecorded: "leftover" } as const;
  return list === "disks"
    ? { kind: "disk-remove", bootDisk: "kept", ...about }
    : { kind: "nic-remove", ...about };
}

/**
 * Carries out a request. Where a backend of the device's id stands in the way
 * that no device uses, it goes first: Ganeti takes nothing back that fails
 * (SPEC 10.1, item 9), and a master that asks again means the same device.
 */
async function carryOutClean(
  request: Request,
  { identity, call, besides }: {
    readonly identity: IdentityMend;
    readonly call: Call;
    readonly besides: Besides;
  },
): Promise<Carried> {
  try {
    return await carryOut(request, call);
  } catch (error) {
    if (!isFailure(error, "leftover")) throw error;
    const { changed } = await besides.carryOut(leftoverRemoval(identity));
    if (!changed) throw error;
    // What was settled before that refusal stays told.
    besides.settled.unshift(...error.settled);
    const message =
      "a failed addition had left a backend of the device in QEMU: it was removed";
    besides.warnings.push(remark("leftover-removed", message));
    return await carryOut(request, call);
  }
}

/**
 * Carries out a request between two checks of the links: Ganeti may have given
 * a new disk another disk's link, and a removed disk gives up its place.
 */
export async function changeAsGaneti(
  { request, instance, identity }: {
    readonly request: Request;
    readonly instance: GanetiInstance;
    readonly identity: IdentityMend;
  },
  call: Call,
): Promise<Answer> {
  const besides = new Besides(call);
  try {
    await correctUuid(identity, call, besides);
    const isRemoval = request.kind === "disk-remove";
    if (!isRemoval) await mendLinks(instance, besides);
    const about = { identity, call, besides };
    const { outcome, answer } = await carryOutClean(request, about);
    const order = instance.order.filter((uuid) =>
      !isRemoval || uuid !== request.device
    );
    if (isRemoval) await mendLinks({ ...instance, order }, besides);
    const removed = outcome.action === "remove" && outcome.changed;
    const payload = removed ? hvinfoOf(outcome.entry) : null;
    return withGaneti(besides.answer(answer), payload);
  } catch (error) {
    throw besides.failure(error);
  }
}

/** noded's verdict: one supported kind of device is enough. */
function verdict({ requirements }: CheckResult): [boolean, string | null] {
  const faults = (["disk", "nic"] as const).map((kind) =>
    requirements.find((one) => !one.ok && one.for.includes(kind))
  );
  if (faults.includes(undefined)) return [true, null];
  return [false, `Hotplug is not supported: ${faults[0]?.detail}`];
}

/**
 * The document of `check`, and noded's answer.
 *
 * @throws {HotplugError} status 3 or 4
 */
export async function hotplugSupported(call: Call): Promise<Answer> {
  const answer = await check(call);
  const { document } = answer;
  const ganeti = verdict(document as unknown as CheckResult);
  return { ...answer, document: { ...document, ganeti } };
}
