/**
 * What a kind of device says of itself; lib/kinds.ts has them all.
 *
 * @module
 */

import type { Ending } from "../device/ending.ts";
import type { CommandTable } from "../device/plan_commands.ts";
import type { Remark } from "../errors.ts";
import type { OwnFacts } from "../engine/own_facts.ts";
import type { Action, DeviceView, Plan } from "../engine/plan.ts";
import type { Step } from "../engine/verbs.ts";
import type { StepKind, World } from "../engine/world.ts";
import type { PLACE } from "../state/entry_object.ts";
import type { OwnDevice } from "../state/own_check.ts";
import type { Check } from "../state/value_check.ts";
import type { Facts, NodeFacts, QemuFacts } from "./facts.ts";
import type { Questions } from "../qmp/query.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { Difference, WholeFacts } from "./difference.ts";
import type { Confinement } from "../host/confinement.ts";
import type { QemuProcess } from "../host/process.ts";
import type { KindAdoption } from "./adoption.ts";
import type { NicFiles } from "../host/nic_file.ts";
import type { InstancePaths } from "../state/instance.ts";
import type { DeviceEntry, RecordedDevice, Runtime } from "../state/runtime.ts";
import type { Stray } from "./recorded.ts";
import type { ViewFacts } from "./view.ts";

/** What a kind is called, and where it is recorded. */
export interface KindName {
  /** The user's word, also in documents: `disk`. */
  readonly word: string;
  /** For messages, where more follows: `disk`, `NIC`. */
  readonly title: string;
  /**
   * Its devices that a runtime file records, in the order of plugging: entries
   * of a list, or what words of `kvm_cmd` are. Pure.
   */
  recorded(runtime: Runtime): readonly RecordedDevice[];
  /**
   * Its further questions to QEMU, for its own requests and for each look at a
   * VM, by names that no other kind has: {@linkcode QemuFacts.more}. A QEMU may
   * not have the command.
   */
  readonly asks?: Questions;
}

/** A kind with devices that are entries of a list of the runtime file. */
export interface EntryKind extends KindName {
  readonly word: DeviceEntry["kind"];
  /** The list. */
  readonly list: keyof typeof PLACE;
}

/** One operation of a {@linkcode Row}. */
export interface RowPart<R extends AnyRequest = AnyRequest> {
  /** Names all that was decided: no other part of the row has the same place. */
  readonly request: R;
  /** What there is after it, in the unit of the row. */
  readonly reached: number;
}

/**
 * A request that is carried out by others, one after the other, each planned,
 * journaled and recorded alone. What was done stays when a later one fails.
 */
export interface Row<R extends AnyRequest = AnyRequest> {
  readonly action: Action;
  /** What there is before the first, in the unit of the row. */
  readonly before: number;
  /** Empty if nothing is left to do. */
  readonly parts: readonly RowPart<R>[];
  /** What the instance has then, for people, with the unit. */
  say(reached: number): string;
  /**
   * What there is now, where a guest may follow only in part. @default what the
   * last part brings
   */
  count?(qmp: QmpSession): Promise<number>;
  /** The remarks of all parts, in a few. @default each of them */
  remarks?(all: readonly Remark[]): readonly Remark[];
}

/** Plans one request once QEMU has answered. */
export type Planner<R extends AnyRequest = AnyRequest> = (
  facts: Facts,
) => Plan | Row<R> | Promise<Plan | Row<R>>;

/** What is known of any request. */
export interface AnyRequest {
  /** The user's words, joined by dashes. */
  readonly kind: string;
  /** Checked: it becomes part of paths. */
  readonly instance: string;
}

/** What is known where `check` asks a kind for its requirements. */
export interface CheckFacts extends Facts {
  /** Undefined if QEMU's process is unknown. */
  readonly confinement: Confinement | undefined;
}

/** An option that a VM must be started with, or a part of one. */
export interface StartOption {
  /** Without dashes. */
  readonly option: string;
  /** One `key=value`: letters, digits and what needs no quoting. */
  readonly value: string;
}

/** Something that an addition of this kind needs. */
export interface KindRule {
  /** For programs: `getfd`, `tun`, … */
  readonly name: string;
  /** Whether an addition asks for it before or after its place. */
  readonly at: "before-place" | "after-place";
  /** Does nothing if it holds. @throws {HotplugError} status 3 if not */
  refuse(): void;
  /** What there is, where it holds. */
  state(): string;
  /** What makes it hold from the VM's next start on. @default nothing known */
  readonly start?: readonly StartOption[];
}

/** What a kind's start words depend on. */
export interface StartFacts {
  /** Of the instance. */
  readonly paths: InstancePaths;
  readonly runtime: Runtime;
  /** The VM, if it runs: some things only it knows. */
  readonly qemu: QemuFacts | undefined;
  /** Undefined where Ganeti has no place for them. */
  readonly nicFiles: NicFiles | undefined;
}

/** Words of a start line, and what is not certain about them. */
export interface StartWords {
  readonly argv: readonly string[];
  readonly warnings: readonly Remark[];
}

/** The part of a kind that its own plans need. */
export type OwnKind =
  & KindName
  & Pick<Kind, "giveBack" | "view" | "blank" | "strays" | "ending">;

/** A kind of device: what questions need. */
export interface Kind<R extends AnyRequest = AnyRequest> extends KindName {
  /**
   * Whether every VM takes its devices, or only one that was started for them:
   * `check` calls a VM supported for the former alone.
   */
  readonly taken: "always" | "if-prepared";
  /**
   * Where its devices usually sit. Those on PCI need a slot, and a machine with
   * PCI hotplug; what others need, its own requirements say.
   */
  readonly sits: "pci" | "elsewhere";
  /** What the tool's own record may have of one of its devices. */
  readonly record: Check<OwnDevice>;
  /** The least that each operation needs of the monitor, by its request. */
  readonly needs: Readonly<Record<string, readonly string[]>>;
  /** Further rules for an addition; reads the facts for them. */
  requirements(facts: CheckFacts): Promise<readonly KindRule[]>;
  /**
   * Looks at QEMU and node, and compares them with the records.
   *
   * @returns the most telling first
   */
  compare(facts: WholeFacts, qmp: QmpSession): Promise<Difference[]>;
  /**
   * The words that a start line has for its entries. Undefined: its devices are
   * words of `kvm_cmd`, which a start line begins with.
   *
   * @param qmp undefined if the VM does not run
   * @throws {HotplugError} `unsupported` for a device that no start can have
   */
  start?(
    facts: StartFacts,
    qmp: QmpSession | undefined,
  ): StartWords | Promise<StartWords>;
  /** The members of a view that only its devices have, none of them known. */
  readonly blank: Readonly<Record<string, null>>;
  /** One of its recorded devices, as callers are told of it. Pure. */
  view(device: RecordedDevice, facts: ViewFacts): DeviceView;
  /**
   * Its devices in QEMU that are not recorded. Undefined: ./strays.ts finds
   * them by the form of their ids and their PCI classes. Pure.
   *
   * @param known ids of all recorded devices
   */
  strays?(qemu: QemuFacts, known: ReadonlySet<string>): readonly Stray[];
  /**
   * The steps that give back what was changed on this node for a device.
   *
   * @param key {@linkcode keyOf}
   */
  giveBack(own: OwnFacts, key: string): Step[];
  /**
   * How it is told that the guest has released the device of an id.
   * @default as of a PCI device
   */
  ending?(id: string): Ending;
  /**
   * What a VM has of it in all, for `list`: the members of `totals` in its
   * schema. Pure.
   *
   * @param qemu undefined if the VM does not run, or could not be asked
   * @default nothing
   */
  totals?(
    runtime: Runtime,
    qemu: QemuFacts | undefined,
  ): Readonly<Record<string, number | null>>;
  /** Loads the rest of it. */
  changes(): Promise<KindChanges<R>>;
}

/** The part of a kind that only changes of its devices need. */
export interface KindChanges<R extends AnyRequest = AnyRequest> {
  /**
   * Prepares the planning of a request: all that does not need QEMU's answers,
   * for it happens while QEMU works on them.
   */
  prepare(
    request: R,
    node: NodeFacts,
    world: World,
  ): Planner<R> | Promise<Planner<R>>;
  /** The kinds of steps that only it has. */
  readonly steps: readonly StepKind[];
  /** The QMP commands that only its plans hold, or that it means otherwise. */
  readonly commands?: CommandTable;
  /** Whether it has these words in `kvm_cmd`; a journal is checked by it. */
  readonly isWords?: Check<readonly string[]>;
  /** Looks at QEMU's devices of this kind, for adoption. */
  adopt(
    facts: Facts,
    how: { readonly qmp: QmpSession; readonly process: QemuProcess },
  ): Promise<KindAdoption>;
  /**
   * The plan by which repair mends a difference that `compare` found.
   *
   * @returns undefined if there is nothing to do any more
   * @throws {HotplugError} if it cannot be mended
   */
  mend(
    facts: WholeFacts,
    difference: Difference,
    world: World,
  ): Plan | undefined | Promise<Plan | undefined>;
  /**
   * The request that finishes a removal which the guest has completed.
   *
   * @param device its uuid, or the device id if it has no uuid
   */
  finish(instance: string, device: string): R;
}

/** A kind of device, whole. */
export type WholeKind<R extends AnyRequest = AnyRequest> =
  & Kind<R>
  & KindChanges<R>;
