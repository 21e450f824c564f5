/**
 * The places of processors: those that the VM was started with have one, and so
 * have those that it has room for. QEMU tells of all of them. Pure.
 *
 * @module
 */

import type { QemuFacts } from "../plan/facts.ts";
import type { Query } from "../qmp/query.ts";
import { list, object, text } from "../qmp/reading.ts";
import { optionText } from "../state/option_text.ts";

/** `socket-id`, `core-id`, …: they go to `device_add` as QEMU tells them. */
export type Props = Readonly<Record<string, number>>;

/** A place of a processor. */
export interface Place {
  /** In the order of the places, from 0. */
  readonly index: number;
  /** QEMU's driver of a processor in it. */
  readonly driver: string;
  readonly props: Props;
  /**
   * The device id of the processor in it; `fixed`: it has none, and stays until
   * the VM ends; `free`: there is no processor.
   */
  readonly has: "free" | "fixed" | { readonly id: string };
}

/** From the outside in: qapi/machine.json, CpuInstanceProperties. */
const LEVELS = [
  ...["drawer-id", "book-id", "socket-id", "die-id", "cluster-id"],
  ...["module-id", "core-id", "thread-id"],
];

function inOrder(one: Props, other: Props): number {
  for (const level of LEVELS) {
    const difference = (one[level] ?? 0) - (other[level] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** In the order of the levels, whatever the order in which QEMU tells them. */
function propsOf(value: unknown): Props {
  const told = Object.entries(object(value)).flatMap(([key, one]) =>
    Number.isSafeInteger(one) ? [[key, Number(one)] as const] : []
  );
  const level = ([key]: readonly [string, number]) => LEVELS.indexOf(key);
  return Object.fromEntries(told.toSorted((a, b) => level(a) - level(b)));
}

/** Objects that were given an id. */
const NAMED = "/machine/peripheral/";

function holderOf(path: string): Place["has"] {
  if (path === "") return "free";
  return path.startsWith(NAMED) ? { id: path.slice(NAMED.length) } : "fixed";
}

/** Places, the lowest first; none where the machine type has none. */
export const PLACES: Query<readonly Place[]> = {
  execute: "query-hotpluggable-cpus",
  ifRefused: "nothing",
  read: (value) =>
    list(value).map((one) => ({
      driver: text(one.type),
      props: propsOf(one.props),
      has: holderOf(text(one["qom-path"])),
    }))
      .sort((one, other) => inOrder(one.props, other.props))
      .map((one, index) => ({ index, ...one })),
};

/** What each look at a VM asks, and each request about processors. */
export const VCPU_ASKS = { vcpuPlaces: PLACES };

/** All places of this QEMU. */
export function placesOf({ more }: Pick<QemuFacts, "more">): readonly Place[] {
  // What the question above has read.
  return (more?.vcpuPlaces ?? []) as readonly Place[];
}

/** Those with a processor. */
export function presentIn(places: readonly Place[]): Place[] {
  return places.filter(({ has }) => has !== "free");
}

/** The device id of the processor in it, undefined if it has none. */
export function idIn({ has }: Place): string | undefined {
  return typeof has === "object" ? has.id : undefined;
}

/** Where the processor of this id sits. */
export function placeOfId(
  places: readonly Place[],
  id: string | undefined,
): Place | undefined {
  return places.find((one) => id !== undefined && idIn(one) === id);
}

/** A place in words: `socket-id=0,core-id=1,thread-id=0`. */
export function placeText(props: Props): string {
  return optionText(props);
}

/** Whether two sets of props are the same place. */
export function isSamePlace(one: Props, other: Props): boolean {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...keys].every((key) => one[key] === other[key]);
}

/** What a VM has, for people. */
export function sayCount(count: number): string {
  return `${count} processor${count === 1 ? "" : "s"}`;
}
