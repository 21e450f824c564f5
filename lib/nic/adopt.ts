/**
 * Decides whether a NIC of QEMU is recorded: only if its device id, its
 * backend, its MAC and its tap all agree. Pure.
 *
 * @module
 */

import type { Remark } from "../errors.ts";
import { nicEntry } from "../device/entry.ts";
import type { Properties } from "../device/hvinfo.ts";
import { NIC_PROPERTIES, RATE } from "../device/nic_properties.ts";
import { propertiesThere, recordedProperties } from "../device/properties.ts";
import { titleOf } from "../device/select.ts";
import {
  type Adopted,
  type AdoptFacts,
  identify,
  type KindAdoption,
  left,
  obstacle,
  uuidFor,
  type Verdict,
} from "../plan/adoption.ts";
import type { NicEntry } from "../state/runtime.ts";
import { nicFilesStep } from "./files.ts";
import { toNote } from "../engine/own_facts.ts";
import type { OwnRecordStep } from "../engine/own_steps.ts";
import { notesOf, noteSteps } from "./notes.ts";
import type { LiveNic, OpenTap } from "./live.ts";
import { NIC } from "./name.ts";

/** A NIC with proof for all its data. */
interface ProvenNic extends LiveNic {
  readonly id: string;
  readonly mac: string;
  readonly tap: OpenTap;
}

function titleOfLive({ id, mac, pci }: LiveNic): string {
  const words = [mac, `slot ${pci.slot}${pci.behind && ` of ${pci.behind}`}`];
  return `NIC ${id ?? "without id"} (${words.filter(Boolean).join(", ")})`;
}

/** The properties that a start must give it again. */
function adoptedProperties({ properties = {} }: LiveNic): Properties {
  const { mtu } = propertiesThere(NIC_PROPERTIES, properties);
  return recordedProperties(NIC_PROPERTIES, { mtu: mtu ?? undefined });
}

function asNew(
  facts: AdoptFacts,
  nic: ProvenNic,
  fresh: string,
): Adopted | Remark {
  const { id, mac, tap } = nic;
  const place = facts.places.get(id);
  const driver = facts.qemu.drivers.get(id);
  if (place === undefined || !("slot" in place) || driver === undefined) {
    return left(titleOfLive(nic), "QEMU does not show its slot or its driver");
  }
  const { uuid, invented } = uuidFor(facts, id, fresh);
  const entry = nicEntry({
    ...{ id, uuid, place, driver, mac },
    mode: tap.bridge === undefined ? "none" : "bridged",
    link: tap.bridge,
    properties: adoptedProperties(nic),
  });
  const change = { change: "insert", list: "nics", uuid, entry } as const;
  return { kind: NIC.word, id, uuid, change, warnings: [], invented };
}

/**
 * Why a NIC is not recorded.
 *
 * @param rivals the recorded NICs with its MAC, and all NICs of QEMU with it
 */
function conflict(
  facts: AdoptFacts,
  { mac, tap }: ProvenNic,
  { claims, live }: {
    claims: readonly NicEntry[];
    live: readonly LiveNic[];
  },
): string | undefined {
  if (live.filter((one) => one.mac === mac).length > 1) {
    return "two NICs of QEMU have this MAC";
  }
  const named = claims.find(({ hvinfo }) => hvinfo.id !== undefined);
  if (named !== undefined) {
    return `${
      titleOf(named)
    } is recorded with the same MAC (${named.hvinfo.id}): if that NIC is gone, remove it, then adopt again`;
  }
  const [claim, other] = claims;
  if (claim !== undefined && other !== undefined) {
    return `${titleOf(claim)} and ${titleOf(other)} have the same MAC`;
  }
  const file = claim && facts.nicFiles?.[String(claim.index)];
  if (claim !== undefined && file !== undefined && file !== tap.name) {
    return `the NIC file of ${
      titleOf(claim)
    } names tap ${file}, but QEMU uses ${tap.name}`;
  }
  return undefined;
}

/** Decides on one NIC. */
function judgeNic(
  facts: AdoptFacts,
  nic: LiveNic,
  { fresh, live }: { fresh: string; live: readonly LiveNic[] },
): Verdict {
  const { id, mac, tap } = nic;
  const { nics } = facts.content.runtime;
  if (id !== undefined && nics.some(({ hvinfo }) => hvinfo.id === id)) return;
  const title = titleOfLive(nic);
  const why = obstacle(facts, id) ?? ("why" in tap ? tap.why : undefined);
  if (
    why !== undefined || id === undefined || mac === undefined || "why" in tap
  ) {
    return left(title, why ?? "QEMU does not tell its MAC");
  }
  const proven = { ...nic, id, mac, tap };
  const claims = nics.filter((one) => one.mac?.toLowerCase() === mac);
  const against = conflict(facts, proven, { claims, live });
  if (against !== undefined) return left(title, against);
  const [claim] = claims;
  return claim === undefined
    ? asNew(facts, proven, fresh)
    : identify(facts, claim, { id, properties: adoptedProperties(proven) });
}

/** A rate that can be noted. */
function rateFor(rate: number | null): number | undefined {
  const isRate = rate !== null && Number.isInteger(rate) && rate >= 1;
  return isRate && rate <= RATE.max ? rate : undefined;
}

/** Notes the rates of a tap, which QEMU does not know. */
function ratesSteps(
  { own: noted, process }: AdoptFacts,
  { id, uuid }: Adopted,
  live: readonly LiveNic[],
): OwnRecordStep[] {
  const tap = live.find((one) => one.id === id)?.tap;
  if (uuid === undefined || tap === undefined || "why" in tap) return [];
  const own = toNote(noted, process);
  const { rateIn, rateOut } = notesOf({ own }, uuid);
  const { in: towards = "unknown", out = "unknown" } = tap.rates ?? {};
  // The note stays where the tap does not tell.
  const notes = {
    rateIn: towards === "unknown" ? rateIn : rateFor(towards),
    rateOut: out === "unknown" ? rateOut : rateFor(out),
  };
  return noteSteps({ own }, { uuid, notes });
}

/** The proofs for these NICs, and their consequences. */
export function nicAdoption(live: readonly LiveNic[]): KindAdoption {
  return {
    live,
    judge: (facts, fresh) =>
      live.map((nic, at) =>
        judgeNic(facts, nic, { fresh: fresh[at] ?? "", live })
      ),
    steps(facts, adopted) {
      const noted = adopted.flatMap((one) => ratesSteps(facts, one, live));
      const taps = adopted.flatMap(({ id, change }) => {
        if (change.change !== "insert" || change.list !== NIC.list) return [];
        const tap = live.find((one) => one.id === id)?.tap;
        return [tap !== undefined && "name" in tap ? tap.name : undefined];
      });
      return taps.length === 0
        ? noted
        : [...noted, ...nicFilesStep(facts, (now) => [...now, ...taps])];
    },
    startNames: (ids) => ({
      netdevs: live.flatMap(({ id, netdev = [] }) =>
        id !== undefined && ids.has(id) ? netdev : []
      ),
    }),
    hvparams: () => ({}),
  };
}
