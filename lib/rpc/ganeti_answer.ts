/**
 * Answers as Ganeti's noded would give them, and what is done besides.
 *
 * @module
 */

import type { Request } from "../operation/request.ts";
import type { Answer, Call } from "../commands/answer.ts";
import { carryOut } from "../commands/change.ts";
import type { GanetiInstance } from "./ganeti_instance.ts";
import { mendLinks } from "./mend.ts";

/** Carries out a request with Ganeti's encodings. */
export type Answering = (call: Call) => Promise<Answer>;

/** An answer with that which noded would give. */
export function withGaneti(
  { document, ...rest }: Answer,
  payload: unknown,
): Answer {
  const whole = { ...document as object, ganeti: [true, payload] };
  return { ...rest, document: whole };
}

/** The hvinfo of an entry, which noded returns for a device it removed. */
function hvinfoOf(entry: string | undefined): unknown {
  if (entry === undefined) return null;
  const value = JSON.parse(entry);
  const object = Array.isArray(value) ? value[0] : value;
  return object?.hvinfo ?? null;
}

function withWarnings(answer: Answer, more: readonly string[]): Answer {
  const { document, warnings = [] } = answer;
  const all = [...more, ...warnings];
  return {
    ...answer,
    warnings: all,
    document: { ...document as object, warnings: all },
  };
}

/**
 * Carries out a request between two looks at the links: what Ganeti plugs may
 * have taken another disk's link, and what is removed gives its place up.
 */
export function changing(
  request: Request,
  instance: GanetiInstance,
): Answering {
  return async (call) => {
    const isRemoval = request.kind === "disk-remove";
    const before = isRemoval ? [] : await mendLinks(instance, call);
    const { outcome, answer } = await carryOut(request, call);
    const order = instance.order.filter((uuid) =>
      !isRemoval || uuid !== request.device
    );
    const after = isRemoval
      ? await mendLinks({ ...instance, order }, call)
      : [];
    const removed = outcome.action === "remove" && outcome.changed;
    const payload = removed ? hvinfoOf(outcome.entry) : null;
    return withGaneti(withWarnings(answer, [...before, ...after]), payload);
  };
}
