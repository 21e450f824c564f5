/**
 * Failures, sorted by the reaction of the caller.
 *
 * @module
 */

/** Exit status of every error code: INTERFACE, "Exit statuses". */
export const STATUS = {
  "internal": 1,
  "usage": 2,
  "no-such-run-dir": 3,
  "no-such-instance": 3,
  "no-such-device": 3,
  "ambiguous-device": 3,
  "bad-state-file": 3,
  "busy": 3,
  "unsupported": 3,
  "no-free-slot": 3,
  "duplicate": 3,
  "leftover": 3,
  "refused": 3,
  "in-use": 3,
  "migrating": 3,
  "permission-denied": 3,
  "not-running": 4,
  "monitor-busy": 4,
  "monitor-timeout": 4,
  "event-timeout": 4,
  "qmp-error": 5,
  "host-error": 5,
  "state-write-failed": 5,
  "unplug-pending": 6,
  "unplug-rejected": 6,
  "rollback-incomplete": 7,
  "interrupted": 7,
} as const;

/** The stable words of `error.code` in the JSON documents. */
export type ErrorCode = keyof typeof STATUS;

/** The QMP error behind a failure, in QEMU's words. */
export interface QmpFault {
  /** The command, e.g. `device_add`. */
  readonly command: string;
  /** `GenericError`, `DeviceNotFound`, …: qapi/error.json. */
  readonly class: string;
  /** English text for people; no decision depends on it. */
  readonly desc: string;
}

/** A word that should choose one of several. */
export interface Choice {
  /** The given word. */
  readonly word: string;
  /** The existing names. */
  readonly known: readonly string[];
}

/** A device that a message is about. */
export interface ToldDevice {
  /** The word of its kind. */
  readonly kind: string;
  /** Null if it is not recorded. */
  readonly index: number | null;
  /** Null if it is not recorded. */
  readonly uuid: string | null;
  /** Device id; null if it has none. */
  readonly id: string | null;
}

/** The members that name a device, from an object that may have more. */
export function toldOf({ kind, index, uuid, id }: ToldDevice): ToldDevice {
  return { kind, index, uuid, id };
}

/** A message for a person that a program may use: INTERFACE, "JSON". */
export interface Remark {
  /** For programs. */
  readonly code: string;
  /** One line. */
  readonly message: string;
  /** The next action. */
  readonly hint: string | null;
  /** The device that it is about. */
  readonly device: ToldDevice | null;
}

/** Makes a remark; hint and device are optional. */
export function remark(
  code: string,
  message: string,
  { hint, device }: {
    readonly hint?: string | undefined;
    readonly device?: ToldDevice | null | undefined;
  } = {},
): Remark {
  return { code, message, hint: hint ?? null, device: device ?? null };
}

/** A remark, or an error with more members. */
interface Told extends Pick<Remark, "code" | "message"> {
  readonly hint: string | null | undefined;
  readonly device: ToldDevice | null | undefined;
}

/** The members of a remark, from an object with more, such as an error. */
export function remarkOf({ code, message, hint, device }: Told): Remark {
  const about = device ? toldOf(device) : null;
  return { code, message, hint: hint ?? null, device: about };
}

/** A failure that is only reported, and the action that went on. */
export function inSpiteOf(fault: Told, what: string): Remark {
  return { ...remarkOf(fault), message: `${fault.message}: ${what}` };
}

/** A remark as one line for a person; a hint may be a command alone. */
export function remarkText({ message, hint }: Remark): string {
  if (hint === null) return message;
  const run = hint.startsWith("kvm-hotplug ") ? "run: " : "";
  return `${message}; ${run}${hint}`;
}

/** The progress of a row of operations: INTERFACE, "JSON". */
export interface RowSoFar {
  /** The present amount, in the unit of the row. */
  readonly reached: number;
  /** The operations that were carried out, in their order. */
  readonly operations: readonly {
    readonly action: string;
    readonly changed: boolean;
    readonly device: ToldDevice | null;
  }[];
}

/** Further data of a failure, beside its code and message. */
export interface FailureDetails {
  /** The next action of the person, one line. */
  readonly hint?: string | undefined;
  /** Only if QEMU refused. */
  readonly qmp?: QmpFault | undefined;
  /** A word that names nothing, and the existing names. */
  readonly choice?: Choice | undefined;
  /** The device that it is about. */
  readonly device?: ToldDevice | undefined;
  /** Devices that a word could mean. */
  readonly candidates?: readonly ToldDevice[] | undefined;
  /** Names that end the message; as text, each stands on a line of its own. */
  readonly names?: readonly string[] | undefined;
  /** Things that an earlier call left and that were repaired first. */
  readonly settled?: readonly Remark[] | undefined;
  /** Options that the same command needs, as words of a command line. */
  readonly lacks?: readonly string[] | undefined;
  /** For an operation of a row: the earlier operations, and their results. */
  readonly row?: RowSoFar | undefined;
  /** The guest cannot follow: its VM is paused. @default false */
  readonly isPaused?: boolean | undefined;
  /** True only if something is different from before. @default false */
  readonly changed?: boolean | undefined;
  /** The error below this one: `Error.cause`. */
  readonly cause?: unknown;
}

/**
 * The one error that reaches the caller. `message` is one line: what could not
 * be done, why, the bad value, which values are accepted.
 */
export class HotplugError extends Error {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "HotplugError";
  /** Decides the exit status: {@linkcode exitStatus}. */
  readonly code: ErrorCode;
  /** The next action of the person, one line. */
  readonly hint: string | undefined;
  /** Only if QEMU refused. */
  readonly qmp: QmpFault | undefined;
  /** The device that it is about; a whole view, if there is one. */
  readonly device: ToldDevice | undefined;
  /** Devices that a word could mean. */
  readonly candidates: readonly ToldDevice[] | undefined;
  /** Names that end the message. */
  readonly names: readonly string[];
  /** The message without `names`. */
  readonly headline: string;
  /** Things that an earlier call left and that were repaired first. */
  readonly settled: readonly Remark[];
  /** True only if something is different from before. */
  readonly changed: boolean;
  /** All further data. */
  readonly details: FailureDetails;

  /** `message` is one line and does not repeat the hint. */
  constructor(code: ErrorCode, message: string, details: FailureDetails = {}) {
    const { names = [], cause } = details;
    const list = names.length === 0 ? "" : `: ${names.join("; ")}`;
    super(message + list, { cause });
    this.names = names;
    this.headline = message;
    this.code = code;
    this.hint = details.hint;
    this.qmp = details.qmp;
    this.device = details.device;
    this.candidates = details.candidates;
    this.settled = details.settled ?? [];
    this.changed = details.changed ?? false;
    this.details = details;
  }
}

/** The same failure, with additional or other details. */
export function withDetails(
  error: HotplugError,
  details: FailureDetails,
): HotplugError {
  const all = { ...error.details, ...details };
  return new HotplugError(error.code, error.headline, all);
}

/** Whether an error has one of these codes; without codes, any code. */
export function isFailure(
  error: unknown,
  ...codes: readonly ErrorCode[]
): error is HotplugError {
  return error instanceof HotplugError &&
    (codes.length === 0 || codes.includes(error.code));
}

/** The exit status that tells the caller what to do next, 1 to 7. */
export function exitStatus(code: ErrorCode): number {
  return STATUS[code];
}

/** The one line of an error of any kind. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Refused before anything was changed: status 3. */
export function refuse(message: string, hint?: string): HotplugError {
  return new HotplugError("refused", message, { hint });
}

/** A word that cannot be parsed: status 2, nothing was checked. */
export function usage(message: string, hint?: string): HotplugError {
  return new HotplugError("usage", message, { hint });
}

/** An operation of this node failed: status 5. */
export function hostError(message: string, cause?: unknown): HotplugError {
  return new HotplugError("host-error", message, { cause });
}

/** The new object would exist twice: status 3. */
export function duplicate(message: string, hint?: string): HotplugError {
  return new HotplugError("duplicate", message, { hint });
}

/** There is no place for a device: status 3. */
export function noFreeSlot(message: string, hint?: string): HotplugError {
  return new HotplugError("no-free-slot", message, { hint });
}

/** This release, this QEMU or this node cannot do it: status 3. */
export function unsupported(message: string, hint?: string): HotplugError {
  return new HotplugError("unsupported", message, { hint });
}

/**
 * Errnos of a call that was refused because descriptors or memory were short,
 * or because of a disturbance: they do not answer the question of the call.
 */
const SHORTAGES: readonly unknown[] = "EMFILE ENFILE ENOMEM ENOBUFS EAGAIN"
  .split(" ");

/**
 * Whether a call of ours or of the runtime failed for a reason that has nothing
 * to do with its question: the same call may succeed later.
 */
export function isShortage(
  error: unknown,
): error is Error & { readonly code: string } {
  return isOfKernel(error) && SHORTAGES.includes(error.code);
}

/**
 * For a `catch` that takes a failure as an answer, such as "it is not there": a
 * shortage is not an answer.
 *
 * @throws the error itself, if it is a shortage
 */
export function passShortage(error: unknown): void {
  if (isShortage(error)) throw error;
}

/**
 * Makes a call that may fail.
 *
 * @param isAnswer whether a failure only means that there is nothing
 * @returns undefined for such a failure
 */
export function orNone<T>(
  ask: () => T,
  isAnswer: (error: unknown) => boolean,
): T | undefined {
  try {
    return ask();
  } catch (error) {
    if (isAnswer(error)) return undefined;
    throw error;
  }
}

/** As {@linkcode orNone}: every failure is an answer, except a shortage. */
export function ifThere<T>(look: () => T): T | undefined {
  return orNone(look, (error) => !isShortage(error));
}

/** The hint for a shortage, by its errno. */
function shortageHint(code: string): string {
  return code === "EMFILE"
    ? "raise the limit of open files (ulimit -n), or send fewer requests to rpc at a time"
    : "try again later";
}

/**
 * A shortage before the first change: status 3.
 *
 * @param error It, or an error of status 5 that was made from it.
 * @returns undefined for every other error
 */
export function shortage(error: unknown): HotplugError | undefined {
  const isMade = error instanceof HotplugError && STATUS[error.code] === 5;
  const cause = isMade ? error.cause : error;
  if (!isShortage(cause)) return undefined;
  const hint = shortageHint(cause.code);
  const what = isMade ? error.message : `Cannot continue: ${cause.message}`;
  return new HotplugError("busy", what, { cause, hint });
}

/** Whether the kernel refused a call of ours or of the runtime. */
function isOfKernel(
  error: unknown,
): error is Error & { readonly code: string } {
  return error instanceof Error && "code" in error &&
    typeof error.code === "string" && /^E[A-Z0-9]+$/.test(error.code);
}

/** Errnos of a call that was refused for lack of rights. */
const DENIALS: readonly string[] = ["EACCES", "EPERM"];

/** Whether an error, or one of its causes, is a lack of rights. */
export function isDenied(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (isOfKernel(one) && DENIALS.includes(one.code)) return true;
  }
  return false;
}

/** A thing that only root can do or see: status 3. */
export function permissionDenied(what: string, cause?: unknown): HotplugError {
  const why = Deno.uid() === 0
    ? "kvm-hotplug runs as root, but without some of root's rights"
    : "kvm-hotplug must run as root";
  const message = `${what}: ${why}`;
  return new HotplugError("permission-denied", message, { cause });
}

/**
 * A failure for another user than root that may only be a lack of rights. It
 * may look like a missing or broken file, or like a VM that is down.
 *
 * @returns undefined for every other error
 */
function denied(error: HotplugError): HotplugError | undefined {
  const isOurs = error.code === "permission-denied" || error.changed;
  return isOurs || Deno.uid() === 0 || !isDenied(error)
    ? undefined
    : permissionDenied(error.message, error);
}

function coded(error: unknown): HotplugError {
  if (error instanceof HotplugError) return error;
  if (isOfKernel(error)) {
    // No fd left, no memory, a broken disk: the node's fault, not ours.
    return new HotplugError("host-error", error.message, { cause: error });
  }
  return new HotplugError("internal", `Internal fault: ${messageOf(error)}`, {
    hint: "please report it, with the output of --verbose",
    cause: error,
  });
}

/**
 * Any error as one with a code; a user's lack of rights is reported as such.
 */
export function named(error: unknown): HotplugError {
  const fault = coded(error);
  return denied(fault) ?? fault;
}
