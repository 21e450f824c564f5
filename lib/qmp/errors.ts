/**
 * What can go wrong in a QMP session, by what the caller can do about it.
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
  /** What was sent, e.g. `device_add`. */
  readonly command: string;
  /** `GenericError`, `DeviceNotFound`, `CommandNotFound`, … */
  readonly class: string;
  /** English text: for people, never decided on. */
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
 * No reply within the deadline. Whether the command was or will be carried
 * out is unknown: ask before deciding.
 */
export class QmpTimeoutError extends QmpError {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "QmpTimeoutError";
  /** What was sent, and may take effect yet. */
  readonly command: string;

  /** `timeoutMs` is how long was waited. */
  constructor(command: string, timeoutMs: number) {
    super(`QEMU did not answer ${command} within ${timeoutMs / 1000} s`);
    this.command = command;
  }
}

/** The session is over: QEMU ended, or something between us and it. */
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

/** Connected, and no greeting came: somebody else holds the monitor. */
export class QmpNoGreetingError extends QmpError {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "QmpNoGreetingError";

  /** `timeoutMs` is how long was waited. */
  constructor(timeoutMs: number) {
    super(`the QMP socket sent no greeting within ${timeoutMs / 1000} s`);
  }
}
