/**
 * The kinds of devices: one line each. No other file imports a kind's folder,
 * except Ganeti's encodings, which know exactly these two.
 *
 * The words, which every command needs, are loaded at once; the parts that
 * questions need, and the parts that changes need, are loaded on demand.
 *
 * @module
 */

import type { planLinksOf } from "./disk/links.ts";
import { diskDetails } from "./disk/details.ts";
import type { DiskRequest } from "./disk/request.ts";
import type { DiskStep } from "./disk/steps.ts";
import { DISK_COMMANDS, DISK_NAME, diskRequest } from "./disk/words.ts";
import type { DeviceView } from "./engine/plan.ts";
import type { World } from "./engine/world.ts";
import { memoryDetails, memoryTotal } from "./memory/details.ts";
import type { MemoryRequest } from "./memory/request.ts";
import type { MemoryStep } from "./memory/steps.ts";
import { MEMORY_COMMANDS, MEMORY_NAME, memoryRequest } from "./memory/words.ts";
import { nicDetails } from "./nic/details.ts";
import type { NicRequest } from "./nic/request.ts";
import type { NicStep } from "./nic/steps.ts";
import { NIC_COMMANDS, NIC_NAME, nicRequest } from "./nic/words.ts";
import type { NodeFacts } from "./plan/facts.ts";
import type {
  AnyRequest,
  Kind,
  KindName,
  Planner,
  WholeKind,
} from "./plan/kind.ts";
import type { Register } from "./plan/recorded.ts";
import type { KindView } from "./plan/view_schema.ts";
import type { NoteChecks } from "./state/own_check.ts";
import type { RecordedDevice, Runtime } from "./state/runtime.ts";
import { vcpuDetails, vcpuTotal } from "./vcpu/details.ts";
import type { VcpuRequest } from "./vcpu/request.ts";
import { VCPU_COMMANDS, VCPU_NAME, vcpuRequest } from "./vcpu/words.ts";
import type { Members } from "./words/json_schema.ts";
import type { CommandSpec, Invocation } from "./words/options.ts";

export type { LinksMend } from "./disk/request.ts";

/** A request about a device of some kind. */
export type KindRequest =
  | DiskRequest
  | NicRequest
  | VcpuRequest
  | MemoryRequest;

/** A step of any plan, for who looks into one. */
export type AnyStep = DiskStep | NicStep | MemoryStep;

/** What is known of a kind before it is loaded. */
interface Entry extends KindName {
  /** The word that stands for one of its devices in usage texts: `DISK`. */
  readonly operand: string;
  /** What selects one, as a sentence goes on. */
  readonly selects: string;
  readonly commands: readonly CommandSpec[];
  request(invocation: Invocation, instance: string): KindRequest | undefined;
  /** A device of it in a few words; falsy parts are left out. */
  details(device: DeviceView): readonly unknown[];
  load(): Promise<Kind<KindRequest>>;
  /** The members of a device of it, for the schema of documents. */
  members(): Promise<KindView["members"]>;
  /** What `list` tells of an instance because of it. @default nothing */
  totals?(): Promise<Members>;
  /** The same for a person; undefined: unknown. */
  total?(listing: Readonly<Record<string, unknown>>): string | undefined;
}

const KINDS: readonly Entry[] = [
  {
    ...DISK_NAME,
    operand: "DISK",
    selects:
      "an index (-1: the last), a uuid or at least 8 characters of it, a device id, a name, a path or a URI",
    details: diskDetails,
    commands: DISK_COMMANDS,
    request: diskRequest,
    load: async () => (await import("./disk/kind.ts")).DISK_KIND,
    members: async () => (await import("./disk/view_schema.ts")).DISK_MEMBERS,
  },
  {
    ...NIC_NAME,
    operand: "NIC",
    selects:
      "an index (-1: the last), a uuid or at least 8 characters of it, a device id, a name or a MAC address",
    details: nicDetails,
    commands: NIC_COMMANDS,
    request: nicRequest,
    load: async () => (await import("./nic/kind.ts")).NIC_KIND,
    members: async () => (await import("./nic/view_schema.ts")).NIC_MEMBERS,
  },
  {
    ...VCPU_NAME,
    operand: "VCPU",
    selects: "a device id, such as vcpu-1; if it is omitted, the highest one",
    details: vcpuDetails,
    commands: VCPU_COMMANDS,
    request: vcpuRequest,
    load: async () => (await import("./vcpu/kind.ts")).VCPU_KIND,
    members: async () => (await import("./vcpu/view_schema.ts")).VCPU_MEMBERS,
    totals: async () => (await import("./vcpu/view_schema.ts")).VCPU_TOTALS,
    total: vcpuTotal,
  },
  {
    ...MEMORY_NAME,
    operand: "MEMORY",
    selects: "an index (-1: the last) or a device id, such as dimm-0",
    details: memoryDetails,
    commands: MEMORY_COMMANDS,
    request: memoryRequest,
    load: async () => (await import("./memory/kind.ts")).MEMORY_KIND,
    members: async () =>
      (await import("./memory/view_schema.ts")).MEMORY_MEMBERS,
    totals: async () => (await import("./memory/view_schema.ts")).MEMORY_TOTALS,
    total: memoryTotal,
  },
];

/** What is known of a kind without loading it; undefined if there is none. */
export function kindEntry(kind: string): Omit<Entry, "load"> | undefined {
  return KINDS.find(({ word }) => word === kind);
}

/** What an instance has of the kinds of its devices in all, for a person. */
export function totalsText(
  listing: Readonly<Record<string, unknown>>,
): string {
  return KINDS.flatMap(({ total }) => total?.(listing) ?? []).join(", ");
}

/** What a person calls a kind: `disk`, `NIC`. */
export function kindTitle(kind: string): string {
  return kindEntry(kind)?.title ?? kind;
}

/** What selects a device of each kind, a sentence each. */
export const KIND_OPERANDS: readonly string[] = KINDS.map(
  ({ operand, selects }) => `${operand} is ${selects}.`,
);

/** The kind of the devices that an operand selects: `DISK`, `NIC`. */
export function kindOfOperand(
  name: string,
): Pick<Entry, "word" | "selects"> | undefined {
  return KINDS.find(({ operand }) => operand === name);
}

/** The commands of all kinds, in the order of the usage text. */
export const KIND_COMMANDS: readonly CommandSpec[] = KINDS.flatMap(
  ({ commands }) => commands,
);

/**
 * The request that a command of some kind makes; undefined if it is none.
 *
 * @throws {HotplugError} `usage` | `unsupported`
 */
export function kindRequest(
  invocation: Invocation,
  instance: string,
): KindRequest | undefined {
  for (const { request } of KINDS) {
    const made = request(invocation, instance);
    if (made !== undefined) return made;
  }
  return undefined;
}

/**
 * Loads what questions need of kinds.
 *
 * @param words undefined: all of them; others than there are bring nothing
 */
export async function loadKinds(
  words?: readonly string[],
): Promise<Kind<KindRequest>[]> {
  const wanted = KINDS.filter(({ word }) => words?.includes(word) ?? true);
  return await Promise.all(wanted.map(({ load }) => load()));
}

/** Loads kinds whole, for who changes their devices; as above. */
export async function loadWholeKinds(
  words?: readonly string[],
): Promise<WholeKind<KindRequest>[]> {
  const kinds = await loadKinds(words);
  return await Promise.all(
    kinds.map(async (kind) => ({ ...kind, ...await kind.changes() })),
  );
}

/** Loads the checks of each kind's notes in the tool's own record. */
export async function loadNotes(): Promise<NoteChecks> {
  const kinds = await loadKinds();
  return new Map(kinds.map(({ word, record }) => [word, record]));
}

/** A runtime never changes, and each question about it asks for its devices. */
const RECORDED = new WeakMap<Runtime, readonly RecordedDevice[]>();

/** All devices that a file records, disks first. */
export function recordedDevices(runtime: Runtime): readonly RecordedDevice[] {
  const known = RECORDED.get(runtime);
  if (known !== undefined) return known;
  const devices = KINDS.flatMap(({ recorded }) => recorded(runtime));
  RECORDED.set(runtime, devices);
  return devices;
}

/** What facts need of the kinds, with the questions of some of them. */
export function registerOf(words: readonly string[]): Register {
  const asking = KINDS.filter(({ word }) => words.includes(word));
  return {
    loadNotes,
    recorded: recordedDevices,
    asks: Object.assign({}, ...asking.map(({ asks }) => asks)),
  };
}

/**
 * The same for a request. QEMU tells its network backends only in HMP, which is
 * the longest question; nothing of a new disk depends on them.
 */
export function registerFor(request: AnyRequest): Register {
  const register = registerOf(kindWords(request));
  return request.kind === "disk-add"
    ? { ...register, netdevs: "unasked" }
    : register;
}

/** The same with the questions of all. */
export const REGISTER: Register = registerOf(KINDS.map(({ word }) => word));

/** Loads what the schema of documents tells of devices. */
export async function loadKindViews(): Promise<KindView[]> {
  return await Promise.all(
    KINDS.map(async ({ word, members, totals }) => ({
      word,
      members: await members(),
      ...(totals && { totals: await totals() }),
    })),
  );
}

/** Words of the kinds that a request is about; of all, if it names none. */
export function kindWords({ kind }: AnyRequest): string[] {
  const words = KINDS.map(({ word }) => word);
  const [first = ""] = kind.split("-");
  const named = words.filter((word) => word === first);
  return named.length === 0 ? words : named;
}

/** Prepares the planning of a request of one of the kinds. */
export async function prepareKind(
  request: KindRequest,
  { node, world }: { readonly node: NodeFacts; readonly world: World },
): Promise<Planner<KindRequest>> {
  const [kind] = await loadWholeKinds(kindWords(request));
  if (kind === undefined) throw new TypeError(`no kind has ${request.kind}`);
  return await kind.prepare(request, node, world);
}

/** Plans to bring the links of disks to the configuration's order. */
export async function planLinks(
  ...about: Parameters<typeof planLinksOf>
): ReturnType<typeof planLinksOf> {
  const { planLinksOf } = await import("./disk/links.ts");
  return planLinksOf(...about);
}
