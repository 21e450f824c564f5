/**
 * The world of steps, and the values that exist only while the steps run.
 *
 * @module
 */

import type { HotplugError, Remark } from "../errors.ts";
import { QmpSession } from "../qmp/client.ts";
import { QmpClosedError } from "../qmp/errors.ts";
import type { SessionOptions } from "../qmp/session_options.ts";
import type { PathOverrides } from "../state/instance.ts";
import type { Of } from "../state/value_check.ts";
import type { WaitListener } from "../state/waiting.ts";
import type { Fd } from "../sys/fd.ts";
import {
  type Effect,
  type KindChecks,
  type QmpCommand,
  type Step,
  type StepCheck,
  type StepDescription,
  type Traits,
  type Value,
  WITHIN,
} from "./verbs.ts";

type Awaitable<T> = T | Promise<T>;

/** A kind of step with all its parts. */
export interface StepDefinition<S extends Step> {
  readonly check: StepCheck<S>;
  /** May depend on the step's data. */
  traits(step: S, known: KindChecks): Traits;
  /** Values that it finds. @default none */
  readonly finds?: readonly Value[];
  /** May throw half-way: an undo follows. */
  do(step: S, world: World): Awaitable<void>;
  /**
   * Undoes all or any part of the step; may be repeated. Throws if something
   * stays.
   */
  undo(step: S, world: World): Awaitable<void>;
  /**
   * Whether it has taken effect; `unknown`: there is no way to tell. Asks QEMU,
   * the host or the file; never memory.
   */
  confirm(step: S, world: World): Awaitable<boolean | "unknown">;
  /** Pure: `--dry-run` and the trace show it. */
  describe(
    step: S,
  ): Pick<StepDescription, "step" | "undo"> & Partial<StepDescription>;
}

/** A kind of step in a table. */
export interface StepKind<S extends Step = Step>
  extends Omit<StepDefinition<Step>, "check" | "confirm" | "describe"> {
  readonly kind: string;
  readonly check: StepCheck<S>;
  /** Asks QEMU, the host or the file; never memory. */
  confirm(step: Step, world: World): Promise<Effect>;
  /** Pure: `--dry-run` and the trace show it. */
  describe(step: Step): StepDescription;
}

/** A step of one of these kinds. */
export type StepOf<Kinds extends readonly StepKind[]> = Of<
  Kinds[number]["check"]
>;

/** Makes a kind of step; the compiler asks for every part. */
export function defineStep<S extends Step>(
  definition: { readonly check: StepCheck<S> } & NoInfer<StepDefinition<S>>,
): StepKind<S> {
  // Methods take a step of their own kind: a table checks `kind` first.
  const kind: StepDefinition<Step> = definition;
  return {
    ...kind,
    check: definition.check,
    kind: kind.check.kind,
    async confirm(step, world) {
      const isDone = await kind.confirm(step, world);
      if (isDone === "unknown") return isDone;
      return isDone ? "done" : "not-done";
    },
    describe(one) {
      const { step, qmp = null, host = null, undo } = kind.describe(one);
      return { step, qmp, host, undo };
    },
  };
}

/** Makes a kind of step that only checks: there is nothing to undo. */
export function defineLook<S extends Step>(
  { check, fault, describe }:
    & { readonly check: StepCheck<S> }
    & NoInfer<{
      /** The fault of the state; undefined if there is none. */
      fault(step: S, world: World): Awaitable<HotplugError | undefined>;
      describe(
        step: S,
      ): Omit<ReturnType<StepDefinition<S>["describe"]>, "undo">;
    }>,
): StepKind<S> {
  return defineStep({
    check,
    traits: () => ({ ...WITHIN, without: "void" }),
    async do(step, world) {
      const found = await fault(step, world);
      if (found !== undefined) throw found;
    },
    undo() {},
    confirm: async (step, world) => await fault(step, world) === undefined,
    describe: (step) => ({ ...describe(step), undo: null }),
  });
}

/** The kinds of steps that a plan may have, by their names. */
export class StepTable {
  readonly #kinds: ReadonlyMap<string, StepKind>;
  /** The checks that the kinds of devices supply. */
  readonly checks: KindChecks;

  /** A table of these kinds of steps. */
  constructor(kinds: Iterable<StepKind>, checks: KindChecks) {
    this.#kinds = new Map([...kinds].map((one) => [one.kind, one]));
    this.checks = checks;
  }

  /** The kind of that name, undefined if no plan here has it. */
  find(name: string): StepKind | undefined {
    return this.#kinds.get(name);
  }

  /**
   * The kind of a step of a plan.
   *
   * @throws {TypeError} if the plan did not name the kind of device that
   * supplies it
   */
  of(step: Step): StepKind {
    const kind = this.#kinds.get(step.kind);
    if (kind === undefined) {
      throw new TypeError(`no kind of step: ${step.kind}`);
    }
    return kind;
  }

  /**
   * The data about a step that the engine needs.
   *
   * @throws {TypeError} as {@linkcode of}
   */
  traits(step: Step): Traits {
    return this.of(step).traits(step, this.checks);
  }

  /** All values that steps of these kinds find and the journal keeps. */
  get values(): Value[] {
    const found = [...this.#kinds.values()].flatMap(({ finds = [] }) => finds);
    return [...new Set(found)].filter(({ check }) => check !== undefined);
  }
}

/** How a world reaches QEMU, and its time limits. */
export interface WorldOptions
  extends SessionOptions, Pick<PathOverrides, "reachedBy"> {
  /** The path for a new session, if the first one ends. */
  readonly qmpPath: string;
  /** The kinds of its steps. */
  readonly steps: StepTable;
  /** Longest wait for the guest to release a device, in milliseconds. */
  readonly unplugTimeoutMs: number;
  /** Ends a wait for the guest at once. */
  readonly signal?: AbortSignal | undefined;
  /** Polled every second while waiting for the guest; false stops the wait. */
  readonly isWanted?: (() => boolean) | undefined;
  /** Called every second of a wait for the guest. */
  readonly waiting?: WaitListener | undefined;
}

/** Owns the session and every fd on its way to QEMU. */
export class World implements Disposable {
  /** Also for a new session. */
  readonly options: WorldOptions;
  readonly values: Map<Value, string> = new Map();
  /** Things that steps left alone, because they belong to another owner now. */
  readonly leftAlone: Remark[] = [];
  readonly #fds = new Map<string, Fd>();
  #session: QmpSession | undefined;

  /** Takes over the session; there is none if the VM does not run. */
  constructor(session: QmpSession | undefined, options: WorldOptions) {
    this.#session = session;
    this.options = options;
  }

  /** The kinds of its steps. */
  get steps(): StepTable {
    return this.options.steps;
  }

  /** Whether there is a QEMU to ask. */
  get hasQemu(): boolean {
    return this.#session !== undefined;
  }

  /**
   * The session; may have ended.
   *
   * @throws {QmpClosedError} if there never was one
   */
  get qmp(): QmpSession {
    if (this.#session !== undefined) return this.#session;
    throw new QmpClosedError("The VM does not run");
  }

  /** Sends a command to QEMU, and returns its answer. */
  send({ execute, arguments: args }: QmpCommand): Promise<unknown> {
    return this.qmp.execute(execute, args);
  }

  /** Opens a new session if the old one has ended: an undo needs one. */
  async reconnect(): Promise<void> {
    if (this.qmp.state !== "closed") return;
    this.#session = await QmpSession.open(this.options.qmpPath, this.options);
  }

  /** Keeps an fd under a name; the world closes it. */
  keepFd(name: string, fd: Fd): void {
    this.#fds.get(name)?.close();
    this.#fds.set(name, fd);
  }

  /** An fd that a step does not need; stays ours. */
  heldFd(name: string): Fd | undefined {
    return this.#fds.get(name);
  }

  /**
   * An fd belongs to one process: with the process that opened it, it is gone.
   */
  hasFd(name: string): boolean {
    return this.#fds.has(name);
  }

  /**
   * An fd that is kept here, and stays ours.
   *
   * @throws {TypeError} if no earlier step opened it
   */
  fd(name: string): Fd {
    const fd = this.#fds.get(name);
    if (fd === undefined) throw new TypeError(`no step opened fd ${name}`);
    return fd;
  }

  /** Keeps a remark for a person, if there is one. */
  leave(one: Remark | undefined): void {
    if (one !== undefined) this.leftAlone.push(one);
  }

  /** Closes our copy, if there is one; QEMU's own stays open. */
  closeFd(name: string): void {
    this.#fds.get(name)?.close();
    this.#fds.delete(name);
  }

  /** Closes every fd with a name that begins so. */
  closeFds(prefix: string): void {
    for (const name of [...this.#fds.keys()]) {
      if (name.startsWith(prefix)) this.closeFd(name);
    }
  }

  /**
   * A value that exists only at run time.
   *
   * @throws {TypeError} if no earlier step found it
   */
  value(what: Value): string {
    const value = this.values.get(what);
    if (value === undefined) {
      throw new TypeError(`no step made value ${what.name}`);
    }
    return value;
  }

  /** Closes every fd that is still here, and the session. */
  [Symbol.dispose](): void {
    this.closeFds("");
    this.#session?.close();
  }
}
