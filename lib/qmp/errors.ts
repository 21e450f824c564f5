/**
 * The failures of a QMP session, by the reaction of the caller.
 *
 * @module
 */

/** Base of all errors of this folder. */
export class QmpError extends Error {
  /** Kept through the minified build, which renames the class. */
  override readonly name: string = "QmpError";
}

/** QEMU refused a command; the session goes on. */
export class QmpCommandError extends QmpError {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "QmpCommandError";
  /** The command, e.g. `device_add`. */
  readonly command: string;
  /** `GenericError`, `DeviceNotFound`, `CommandNotFound`, … */
  readonly class: string;
  /** English text for people; no decision depends on it. */
  readonly desc: string;

  /** Takes `class` and `desc` of the reply. */
  constructor(command: string, errorClass: string, desc: string) {
    super(`QEMU refused ${command}: ${desc} (${errorClass})`);
    this.command = command;
    this.class = errorClass;
    this.desc = desc;
  }
}

/**
 * No reply within the deadline. Whether the command was or will be carried out
 * is unknown: ask before you decide.
 */
export class QmpTimeoutError extends QmpError {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "QmpTimeoutError";
  /** The command, which may still take effect. */
  readonly command: string;

  /** `timeoutMs` is the length of the wait. */
  constructor(command: string, timeoutMs: number) {
    super(`QEMU did not answer ${command} within ${timeoutMs / 1000} s`);
    this.command = command;
  }
}

/** The session is over: QEMU or a proxy between us and QEMU has ended. */
export class QmpClosedError extends QmpError {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "QmpClosedError";
}

/** The peer does not speak QMP; the session is over. */
export class QmpProtocolError extends QmpError {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "QmpProtocolError";

  /** `why` goes on after a colon. */
  constructor(why: string) {
    super(`The program behind the QMP socket does not speak QMP: ${why}`);
  }
}

/** Connected, but no greeting came: another client holds the monitor. */
export class QmpNoGreetingError extends QmpError {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "QmpNoGreetingError";

  /** `timeoutMs` is the length of the wait. */
  constructor(timeoutMs: number) {
    super(`the QMP socket sent no greeting within ${timeoutMs / 1000} s`);
  }
}
