/**
 * What must hold before a processor is added: the VM must be started with room
 * for it. Pure.
 *
 * @module
 */

import { unsupported } from "../errors.ts";
import type { Facts } from "../plan/facts.ts";
import type { KindRule, StartOption } from "../plan/kind.ts";
import { acpiRules } from "../plan/requirements.ts";
import { kvmExtra, startHint } from "../plan/kvm_extra.ts";
import { optionValues } from "../state/fixed_command.ts";
import { type Place, placesOf, presentIn, sayCount } from "./places.ts";

/** Room that is proposed: an even number of processors, and some to spare. */
const USUAL_MAXCPUS = 8;

/** Of machine type pc. QEMU's q35 takes more only with an IOMMU. */
const MOST_MAXCPUS = 255;

/** Parts of a topology, and how many of the part below each has. */
const TOPOLOGY = /(?:^|,)(sockets|dies|clusters|modules|cores|threads)=(\d+)/g;

/** So many more processors, and what the request would have done with them. */
export interface Wanted {
  readonly count: number;
  /** Begins the refusal. @default `Cannot add 2 processors` */
  readonly cannot?: string;
}

/**
 * The `maxcpus` of the next start; undefined where the given topology already
 * says how many there are at most, or where pc does not take as many.
 */
function maxcpusFor(
  words: readonly string[],
  present: number,
  count: number,
) {
  const given = new Map(
    optionValues(words, "-smp").flatMap((value) =>
      [...value.matchAll(TOPOLOGY)].map(([, name, of]) =>
        [name, Number(of)] as const
      )
    ),
  );
  if (["sockets", "cores", "threads"].every((one) => given.has(one))) return;
  const unit = [...given.values()].reduce((all, one) => all * one, 1);
  const more = Math.min(Math.max(USUAL_MAXCPUS, 2 * present), MOST_MAXCPUS);
  const least = Math.max(more, present + count);
  const whole = Math.ceil(least / unit) * unit;
  return whole > MOST_MAXCPUS ? undefined : whole;
}

/** What the next start must have to take so many more processors. */
function startOptions(
  { content }: Pick<Facts, "content">,
  places: readonly Place[],
  { count }: Wanted,
): StartOption[] {
  const { kvmCmd } = content.runtime;
  const maxcpus = maxcpusFor(kvmCmd, presentIn(places).length, count);
  return maxcpus === undefined
    ? []
    : [{ option: "smp", value: `maxcpus=${maxcpus}` }];
}

/**
 * So many free places, the lowest first.
 *
 * @throws {HotplugError} `unsupported` if the VM has not as many
 */
export function freePlaces(facts: Facts, wanted: Wanted): Place[] {
  const places = placesOf(facts.qemu);
  const { count, cannot = `Cannot add ${sayCount(count)}` } = wanted;
  const free = places.filter(({ has }) => has === "free");
  if (free.length >= count) return free.slice(0, count);
  if (places.length === 0) {
    throw unsupported(`${cannot}: QEMU tells of no place for a processor`);
  }
  const words = kvmExtra(startOptions(facts, places, wanted));
  throw unsupported(
    `${cannot}: the VM can have at most ${places.length} (maxcpus); it has ${
      presentIn(places).length
    }`,
    words === null
      ? `the topology of -smp (hvparams cpu_sockets, cpu_cores, cpu_threads) and the machine type (pc: ${MOST_MAXCPUS}) limit the number of processors`
      : startHint(words),
  );
}

/** All of them, in the order in which an addition asks. */
export function vcpuRules(
  facts: Facts,
  wanted: Wanted = { count: 1 },
): KindRule[] {
  const places = placesOf(facts.qemu);
  return [
    ...acpiRules(facts, { kind: "vcpu", what: "processors" }),
    {
      name: "maxcpus",
      at: "before-place",
      refuse: () => void freePlaces(facts, wanted),
      state: () =>
        `${presentIn(places).length} of ${places.length} places are taken`,
      start: places.length === 0 ? [] : startOptions(facts, places, wanted),
    },
  ];
}
