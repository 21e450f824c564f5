/**
 * What the tool says to QEMU, out of its own log.
 *
 * @module
 */

/** A QMP command as it goes over the wire, without its id. */
export interface Command {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
  /** Whether the tool sent a file descriptor with it. */
  readonly withFd: boolean;
}

/** Commands that are sent together, before the first reply is awaited. */
export type Batch = readonly Command[];

interface LogLine {
  readonly qmp?: "send" | "receive";
  readonly message?: string;
  readonly fd?: string;
}

/**
 * Reads the commands a tool sent, as `--log` recorded them: those that belong
 * to one write stay together.
 */
export function readDialogue(log: string): Batch[] {
  const batches: Command[][] = [];
  let open: Command[] | undefined;
  for (const line of log.split("\n")) {
    if (line === "") continue;
    const { qmp, message, fd } = JSON.parse(line) as LogLine;
    if (qmp === "receive") open = undefined;
    if (qmp !== "send" || message === undefined) continue;
    const { execute, arguments: args } = JSON.parse(message);
    if (execute === "qmp_capabilities") continue;
    if (open === undefined) batches.push(open = []);
    open.push({ execute, arguments: args, withFd: fd !== undefined });
  }
  return batches;
}
