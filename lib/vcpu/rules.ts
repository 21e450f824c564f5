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
import { optionValues } from "../state/fixed_command.ts";
import { type Place, placesOf, presentIn, sayCount } from "./places.ts";

/** Room that is proposed: an even number of processors, and some to spare. */
const USUAL_MAXCPUS = 8;

/** Parts of a topology, and how many of the part below each has. */
const TOPOLOGY = /(?:^|,)(sockets|dies|clusters|modules|cores|threads)=(\d+)/g;

/**
 * The `maxcpus` of the next start; undefined where the given topology already
 * says how many there are at most.
 */
function maxcpusFor(words: readonly string[], present: number) {
  const given = new Map(
    optionValues(words, "-smp").flatMap((value) =>
      [...value.matchAll(TOPOLOGY)].map(([, name, of]) =>
        [name, Number(of)] as const
      )
    ),
  );
  if (["sockets", "cores", "threads"].every((one) => given.has(one))) return;
  const unit = [...given.values()].reduce((all, one) => all * one, 1);
  const least = Math.max(USUAL_MAXCPUS, 2 * present);
  return Math.ceil(least / unit) * unit;
}

/** What the next start must have to take more processors. */
function startOptions(
  { content }: Pick<Facts, "content">,
  places: readonly Place[],
): StartOption[] {
  const maxcpus = maxcpusFor(content.runtime.kvmCmd, presentIn(places).length);
  return maxcpus === undefined
    ? []
    : [{ option: "smp", value: `maxcpus=${maxcpus}` }];
}

/** The free places, lowest first. */
function freeIn(places: readonly Place[]): Place[] {
  return places.filter(({ has }) => has === "free");
}

/**
 * So many free places, the lowest first.
 *
 * @throws {HotplugError} `unsupported` if the VM has not as many
 */
export function freePlaces(facts: Facts, count: number): Place[] {
  const places = placesOf(facts.qemu);
  const free = freeIn(places);
  if (free.length >= count) return free.slice(0, count);
  if (places.length === 0) {
    throw unsupported("QEMU tells of no place for a processor");
  }
  const start = startOptions(facts, places);
  const hint = start.length === 0
    ? "the topology of -smp (hvparams cpu_sockets, cpu_cores, cpu_threads) limits the number of processors"
    : "start the VM with a larger maxcpus: check has the words for hvparam kvm_extra";
  throw unsupported(
    free.length === 0
      ? `The VM has no free place for a processor: it was started with ${
        sayCount(places.length)
      } at most (maxcpus)`
      : `The VM has places for ${free.length} more, not for ${count}: it was started with ${places.length} at most (maxcpus)`,
    hint,
  );
}

/** All of them, in the order in which an addition asks. */
export function vcpuRules(facts: Facts): KindRule[] {
  const places = placesOf(facts.qemu);
  return [
    ...acpiRules(facts, { kind: "vcpu", what: "processors" }),
    {
      name: "maxcpus",
      at: "before-place",
      refuse: () => void freePlaces(facts, 1),
      state: () =>
        `${presentIn(places).length} of ${places.length} places are taken`,
      start: places.length === 0 ? [] : startOptions(facts, places),
    },
  ];
}
