/**
 * Processors that QEMU has and the runtime file lacks: their place and id are
 * all that a start needs. Pure.
 *
 * @module
 */

import type { Adopted, AdoptFacts, KindAdoption } from "../plan/adoption.ts";
import { noteWords, putWords } from "../plan/command_words.ts";
import type { Facts } from "../plan/facts.ts";
import { isLater } from "../plan/strays.ts";
import { VCPU } from "./name.ts";
import { idIn, type Place, placesOf } from "./places.ts";
import { recordedVcpus, vcpuWords } from "./recorded.ts";

function asNew(id: string, place: Place): Adopted {
  const change = putWords(id, vcpuWords(id, place));
  return { kind: VCPU.word, id, change, warnings: [] };
}

/** What is proven of the processors of this QEMU. */
export function vcpuAdoption({ qemu }: Pick<Facts, "qemu">): KindAdoption {
  const live = placesOf(qemu).flatMap((place) => {
    const id = idIn(place);
    return id === undefined ? [] : [{ id, place }];
  });
  return {
    live,
    judge({ content: { runtime } }: AdoptFacts) {
      const known = new Set(recordedVcpus(runtime).map((one) => one.hvinfo.id));
      return live.map(({ id, place }) =>
        known.has(id) || isLater(runtime, { id, driver: place.driver })
          ? undefined
          : asNew(id, place)
      );
    },
    steps: (facts, adopted) =>
      live.filter(({ id }) => adopted.some((one) => one.id === id))
        .map(({ id, place }) =>
          noteWords(facts, VCPU, { id, words: vcpuWords(id, place) })
        ),
    startNames: () => ({}),
    hvparams: () => ({}),
  };
}
