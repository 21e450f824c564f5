/**
 * Questions as data, so that several can be sent at once.
 *
 * @module
 */

import type { QmpSession } from "./client.ts";
import type { Command } from "./session_options.ts";

/** A question to QEMU: the command, and the function that reads its answer. */
export interface Query<T> extends Command {
  /** Must accept any answer: values that do not fit are left out. */
  readonly read: (value: unknown) => T;
  /**
   * `as-qemu`: a QEMU gives the same answer as long as it runs.
   *
   * @default the answer may be another one each time
   */
  readonly lasts?: "as-qemu";
}

/** Questions by the names of their answers. */
export type Questions = Readonly<Record<string, Query<unknown>>>;

/** Asks one question. @throws as {@linkcode QmpSession.execute} */
export async function ask<T>(qmp: QmpSession, query: Query<T>): Promise<T> {
  const [value] = await qmp.executeAll([query]);
  return query.read(value);
}

/** The answers to a set of questions. */
export type Answers<Q> = {
  readonly [K in keyof Q]: Q[K] extends Query<infer T> ? T : never;
};

function readAll<Q extends Questions>(
  queries: Q,
  values: readonly unknown[],
): Answers<Q> {
  const read = Object.entries(queries)
    .map(([name, query], i) => [name, query.read(values[i])]);
  return Object.fromEntries(read) as Answers<Q>;
}

/**
 * Sends several questions at once; QEMU works on them while the caller does
 * something else.
 *
 * @returns awaits the answers: {@linkcode QmpSession.send}
 * @throws as {@linkcode ask}
 */
export async function sendAll<
  Q extends Questions,
>(
  qmp: QmpSession,
  queries: Q,
): Promise<() => Promise<Answers<Q>>> {
  const replies = await qmp.send(Object.values(queries));
  return async () => readAll(queries, await replies());
}

/** Sends several questions at once and awaits the answers. */
export async function askAll<
  Q extends Questions,
>(qmp: QmpSession, queries: Q): Promise<Answers<Q>> {
  return readAll(queries, await qmp.executeAll(Object.values(queries)));
}
