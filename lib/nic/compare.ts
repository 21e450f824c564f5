/**
 * Differences between runtime file, QEMU and node about NICs. A NIC may also be
 * cut off on this node: its tap is not on its network, or is gone, and QEMU
 * does not notice.
 *
 * @module
 */

import { nameOfEntry, titleOf } from "../device/select.ts";
import { tapsOf } from "../host/process.ts";
import type { LiveTuning } from "../host/tap_tuning.ts";
import { readTunings, tuningDifference } from "./compare_tuning.ts";
import { interfaceExists } from "../host/tap.ts";
import {
  absence,
  absentDifference,
  driverDifference,
  plugAnew,
  slotDifference,
} from "../plan/compare_entry.ts";
import {
  type PropertiesById,
  propertyDifferences,
  readProperties,
} from "../plan/compare_properties.ts";
import {
  heldDifferences,
  lostDifference,
  lostKeys,
  releaseAsked,
} from "../plan/compare_own.ts";
import type { Difference, WholeFacts } from "../plan/difference.ts";
import { netdevOf } from "../plan/facts.ts";
import { straysOf } from "../plan/strays.ts";
import type { QmpSession } from "../qmp/client.ts";
import { noteOn } from "../state/own_check.ts";
import type { NicEntry } from "../state/runtime.ts";
import { shellWord } from "../state/shell_word.ts";
import { strayNicFiles } from "./files.ts";
import { readMacs } from "./live.ts";
import { NIC } from "./name.ts";
import { notesOf } from "./notes.ts";
import { commandLine } from "../state/instance.ts";
import type { RecordedNic } from "../device/nic.ts";
import { cutsOf } from "../host/tap_place.ts";
import { endsWithCard } from "./driver.ts";
import { placeOf, recordedNic } from "./recorded.ts";

/** Facts for comparing NICs. */
export interface NicCompareFacts extends WholeFacts {
  /** The taps of the NIC files that exist on this node. */
  readonly taps: ReadonlySet<string>;
  /** The faults of a tap's connection, by device id. */
  readonly cuts: ReadonlyMap<string, readonly string[]>;
  /**
   * MAC by device id, with which QEMU made the card; the guest may use another.
   */
  readonly macs: ReadonlyMap<string, string>;
  /** The further properties of entries. */
  readonly properties: PropertiesById;
  /** By device id, what the taps of NICs are set to that were set. */
  readonly tunings: ReadonlyMap<string, LiveTuning>;
  /** Taps that QEMU has open; undefined if its process cannot be seen. */
  readonly heldTaps: ReadonlySet<string> | undefined;
  /** Taps that another process has open, by the keys of their notes. */
  readonly held: ReadonlyMap<string, Difference>;
}

/** The words that connect a NIC again to its recorded network. */
function joinWords({ mode, link, vlan, ip }: RecordedNic): string[] {
  return [
    ...["--mode", mode],
    ...(link ? ["--link", link] : []),
    ...(vlan ? ["--vlan", vlan] : []),
    ...(ip ? ["--ip", ip] : []),
  ];
}

/** The NIC was connected, and is not any more: this may be on purpose. */
function networkDifference(
  { cuts, qemu, paths }: NicCompareFacts,
  nic: NicEntry,
): Difference[] {
  const { id = "" } = nic.hvinfo;
  const all = cuts.get(id) ?? [];
  if (all.length === 0) return [];
  const { tap } = netdevOf(qemu, id)?.facts ?? {};
  const words = ["nic", "modify", paths.name, id];
  return [{
    code: "network",
    device: nameOfEntry(nic),
    message: `${titleOf(nic)} has no connection: its tap ${tap} ${
      all.join(", and ")
    }`,
    hint: `to connect it again, run: ${
      commandLine(paths, ...words, ...joinWords(recordedNic(nic)))
    }`,
  }];
}

/** QEMU holds a tap that was deleted: no packets reach the guest any more. */
function tapDifference(
  { qemu, nicFiles, taps, paths }: NicCompareFacts,
  nic: NicEntry,
): Difference[] {
  const { id = "" } = nic.hvinfo;
  const netdev = netdevOf(qemu, id);
  const file = nicFiles?.[String(nic.index)];
  const isTold = netdev === undefined || netdev.facts.tap !== undefined;
  if (isTold || file === undefined || taps.has(file)) return [];
  const remove = `remove the NIC, then add it again: ${
    commandLine(paths, "nic", "remove", paths.name, id)
  }`;
  return [{
    code: "no-tap",
    device: nameOfEntry(nic),
    message: `${titleOf(nic)} has no connection: its tap ${file} was deleted`,
    hint: endsWithCard(qemu, nic.hvinfo.driver)
      ? "stop and start the instance: this QEMU would crash if the card were removed"
      : remove,
  }];
}

/** Reads the connections of the recorded NICs' taps. */
async function readCuts(
  { content, qemu, own, confinement }: WholeFacts,
): Promise<Map<string, readonly string[]>> {
  // Its taps cannot be seen from here.
  if (confinement?.networkNamespace === "another") return new Map();
  const cuts = content.runtime.nics.map(async (nic) => {
    const { id = "" } = nic.hvinfo;
    const tap = netdevOf(qemu, id)?.facts.tap;
    const place = tap === undefined ? [] : await cutsOf(
      tap,
      placeOf(recordedNic(nic), notesOf({ own }, nic.uuid ?? "").script),
    );
    return [id, place] as const;
  });
  return new Map(await Promise.all(cuts));
}

function macDifference(facts: NicCompareFacts, nic: NicEntry): Difference[] {
  const mac = facts.macs.get(nic.hvinfo.id ?? "");
  if (mac === undefined) return [];
  const recorded = nic.mac?.toLowerCase();
  if (mac.toLowerCase() === recorded) return [];
  const { paths } = facts;
  const { id = "" } = nic.hvinfo;
  const modify = ["nic", "modify", paths.name, id, "--mac"] as const;
  return [{
    code: "mac",
    device: nameOfEntry(nic),
    message: `${
      titleOf(nic)
    } is recorded with MAC ${nic.mac}, but QEMU has ${mac}`,
    hint: recorded === undefined
      ? plugAnew(facts, nic)
      : `a start or migration from the runtime file would change the MAC. To record QEMU's MAC, run: ${
        commandLine(paths, ...modify, mac)
      }; to give QEMU the recorded MAC, run: ${
        commandLine(paths, ...modify, recorded)
      }`,
  }];
}

function backendDifference(
  { qemu, paths }: WholeFacts,
  nic: NicEntry,
): Difference[] {
  const { id = "" } = nic.hvinfo;
  if (netdevOf(qemu, id) !== undefined) return [];
  return [{
    code: "no-netdev",
    device: nameOfEntry(nic),
    message: `${titleOf(nic)} has no network backend ${id} in QEMU`,
    hint: commandLine(paths, "nic", "remove", paths.name, id),
  }];
}

const WRITE_FILES = { word: "nic-files", did: "wrote them" };

/** A file is missing, or names another tap than QEMU has for the NIC. */
function fileDifference(facts: WholeFacts, nic: NicEntry): Difference[] {
  const { nicFiles, qemu, paths: { nicDir } } = facts;
  const tap = netdevOf(qemu, nic.hvinfo.id ?? "")?.facts.tap;
  if (nicDir === undefined || nicFiles === undefined) return [];
  const file = nicFiles[String(nic.index)];
  if (tap === undefined || file === tap) return [];
  return [{
    code: "nic-file",
    device: nameOfEntry(nic),
    message: `NIC file ${nicDir}/${nic.index} names ${
      file ?? "nothing"
    }, but the tap of ${titleOf(nic)} is ${tap}`,
    hint: `printf %s ${shellWord(tap)} > ${
      shellWord(`${nicDir}/${nic.index}`)
    }`,
    // For a NIC that is gone only its file tells the tap: its removal comes
    // first.
    ...(isAnyGone(facts) ? {} : { mend: WRITE_FILES }),
  }];
}

function isAnyGone({ content, qemu }: WholeFacts): boolean {
  return content.runtime.nics.some((one) => absence(one, qemu) !== undefined);
}

/** The files of recorded NICs are missing, or cannot be read. */
function missingFiles(facts: WholeFacts): Difference[] {
  const { nicFiles, nicFilesFault, content, qemu, paths: { nicDir } } = facts;
  if (nicDir === undefined || nicFiles !== undefined || isAnyGone(facts)) {
    return [];
  }
  const about = {
    code: "nic-files",
    device: null,
    message: `The NIC files in ${nicDir} do not name QEMU's taps`,
  };
  if (nicFilesFault !== undefined) {
    const repair = commandLine(facts.paths, "repair", facts.paths.name);
    const message = `Cannot use the NIC files in ${nicDir}: ${nicFilesFault}`;
    const hint = `move that away, then run: ${repair}`;
    return [{ ...about, message, hint }];
  }
  const known = content.runtime.nics.some(({ hvinfo: { id = "" } }) =>
    netdevOf(qemu, id)?.facts.tap !== undefined
  );
  if (!facts.nicDirectoryPossible || !known) return [];
  return [{ ...about, hint: "repair writes them", mend: WRITE_FILES }];
}

/**
 * A file without a NIC is removed if its tap is gone, or together with an
 * unused tap in QEMU; else a person has to look.
 */
function strayFiles(facts: NicCompareFacts): Difference[] {
  const { heldTaps, qemu, paths: { nicDir }, taps } = facts;
  // A backend that should not be there is removed together with its files.
  const used = new Set([...qemu.netdevs.values()].map(({ tap }) => tap));
  const [step] = strayNicFiles(facts, (tap) => !used.has(tap));
  const lost = lostTaps(facts);
  return Object.entries(step?.before ?? {}).map(([seq, tap]) => {
    const path = `${nicDir}/${seq}`;
    const what = `NIC file ${path} belongs to no recorded NIC`;
    const hint = `rm ${shellWord(path)}`;
    const about = { code: "stray-nic-file", device: null, hint };
    const isThere = taps.has(tap) || heldTaps?.has(tap) === true;
    if (isThere && !lost.includes(tap)) {
      const whose = heldTaps === undefined
        ? "and it is not known whether QEMU has it open"
        : heldTaps.has(tap)
        ? "which QEMU has open"
        : "which QEMU does not have open";
      return {
        ...about,
        message: `${what}, and names interface ${tap}, ${whose}`,
      };
    }
    const mend = { word: "stray-nic-file", subject: seq, did: "removed it" };
    return { ...about, message: what, mend };
  });
}

/**
 * Taps that QEMU has open and no NIC uses: they were passed, and never used.
 */
function lostTaps(
  { heldTaps, qemu, nicFiles, content }: NicCompareFacts,
): string[] {
  const { nics } = content.runtime;
  const known = new Set([
    ...[...qemu.netdevs.values()].map(({ tap }) => tap),
    // The file without a NIC was written before QEMU had its backend.
    ...nics.map(({ index }) => nicFiles?.[String(index)]),
  ]);
  return [...heldTaps ?? []].filter((tap) => !known.has(tap));
}

function fdNames(facts: NicCompareFacts): Difference[] {
  const lost = lostTaps(facts);
  if (lost.length === 0) return [];
  return [{
    code: "fd-names",
    device: null,
    message: `QEMU has tap ${lost.join(", ")} open, but no NIC uses it`,
    hint: "repair closes the unused file descriptors in QEMU",
    mend: {
      word: "fd-names",
      did: "closed the unused file descriptors in QEMU",
    },
  }];
}

/** Backends with the form of our names that no device uses. */
function orphans({ qemu, content }: WholeFacts): Difference[] {
  return straysOf(qemu, content.runtime)
    .filter(({ has, kind }) => has === "backend" && kind === "nic")
    .map(({ id }) => ({
      code: "orphan-netdev",
      device: null,
      message: `QEMU has network backend ${id}, which no device uses`,
      hint: "repair removes it",
      mend: { word: "orphan-netdev", subject: id, did: "removed it" },
    }));
}

/** A NIC that its guest released after a change of the NIC was given up. */
function released(facts: WholeFacts, nic: NicEntry): Difference | undefined {
  if (givenUp(facts, nic) === undefined) return undefined;
  return {
    code: "not-in-qemu",
    device: nameOfEntry(nic),
    message: `the guest released ${
      titleOf(nic)
    } (${nic.hvinfo.id}) after its change was cancelled`,
    hint: "repair plugs it in again, as it is recorded",
    mend: { word: "put-back", did: "plugged it in again, as it is recorded" },
  };
}

/**
 * The data that is needed to plug it back; undefined if it is not such a NIC.
 */
export function givenUp(facts: WholeFacts, entry: NicEntry) {
  const { uuid = "", mac, hvinfo: { id, driver, slot } } = entry;
  const { replug, linkState } = notesOf(facts, uuid);
  const isGoing = noteOn(facts.own.record, uuid.toLowerCase())?.pending;
  if (replug === undefined || isGoing !== undefined) return undefined;
  const netdev = netdevOf(facts.qemu, id ?? "");
  if (id === undefined || netdev?.facts.tap === undefined) return undefined;
  if (mac === undefined || driver === undefined || slot === undefined) {
    return undefined;
  }
  return { uuid, id, driver, mac: mac.toLowerCase(), slot, linkState, netdev };
}

function ofEntry(facts: NicCompareFacts, nic: NicEntry): Difference[] {
  const absent = absentDifference(facts, nic);
  if (absent !== undefined) return [released(facts, nic) ?? absent];
  const { paths, own: { record }, qemu: { runState } } = facts;
  return [
    ...releaseAsked(nic, { paths, record, runState }),
    ...driverDifference(facts, nic),
    ...slotDifference(facts, nic),
    ...macDifference(facts, nic),
    ...propertyDifferences(facts, nic),
    ...backendDifference(facts, nic),
    ...tapDifference(facts, nic),
    ...networkDifference(facts, nic),
    ...tuningDifference(facts, nic),
    ...fileDifference(facts, nic),
  ];
}

/** The differences. Pure. */
export function nicDifferences(facts: NicCompareFacts): Difference[] {
  return [
    ...facts.content.runtime.nics.flatMap((one) => ofEntry(facts, one)),
    ...orphans(facts),
    ...fdNames(facts),
    ...missingFiles(facts),
    ...strayFiles(facts),
    ...lostKeys(facts, NIC).map((uuid) =>
      facts.held.get(uuid) ?? lostDifference(uuid)
    ),
  ];
}

/** Reads QEMU and node, and compares. */
export async function compareNics(
  given: WholeFacts,
  qmp: QmpSession,
): Promise<Difference[]> {
  const named = Object.values(given.nicFiles ?? {});
  return nicDifferences({
    ...given,
    macs: await readMacs(qmp, given.qemu, given.content.runtime.nics),
    properties: await readProperties(
      qmp,
      given.qemu,
      given.content.runtime.nics,
    ),
    heldTaps: given.openFiles && tapsOf(given.openFiles),
    held: heldDifferences(given.own.record),
    taps: new Set(named.filter(interfaceExists)),
    cuts: await readCuts(given),
    tunings: await readTunings(given),
  });
}
