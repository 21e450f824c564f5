/**
 * Who is connected to a unix socket.
 *
 * @module
 */

import { SysError } from "./errno.ts";
import { type FileStatus, statPath } from "./file_status.ts";
import { type Deadline, startDeadline } from "./thread.ts";
import {
  ESTABLISHED,
  listUnixSockets,
  type UnixDiagEntry,
} from "./unix_diag.ts";

/** One process at the client's end of a connection. */
export interface UnixSocketClient {
  /** In our pid namespace; others are not seen. */
  readonly pid: number;
  /** Its command line, at most 120 characters. Text of the other process. */
  readonly command: string;
  /** Whether the listener has accepted it, or it is in its queue. */
  readonly state: "accepted" | "waiting";
}

/** What {@linkcode unixSocketHolders} found. */
export interface UnixSocketHolders {
  /** The accepted ones first. */
  readonly clients: UnixSocketClient[];
  /** The state of a connection of this process's own, if it has one. */
  readonly own: UnixSocketClient["state"] | undefined;
}

const MAX_TIME_MS = 500;
const MAX_COMMAND_LENGTH = 120;

/**
 * The processes connected to a listening socket, without this one.
 *
 * Takes at most half a second and one process more; on a machine with very
 * many processes the list may be incomplete. It is empty when the kernel has no sock_diag,
 * when there is no such socket, and when the listener is in another network
 * namespace.
 *
 * @param socketPath Path of the listener's socket.
 */
export function unixSocketHolders(socketPath: string): UnixSocketHolders {
  const deadline = startDeadline(MAX_TIME_MS);
  const states = clientStates(socketsBoundTo(socketPath, deadline));
  const clients = states.size === 0 ? [] : processesWith(states, deadline);
  const inState = (state: State) => clients.filter((c) => c.state === state);
  return {
    clients: [...inState("accepted"), ...inState("waiting")],
    own: states.size === 0 ? undefined : stateOf(Deno.pid, states),
  };
}

/**
 * How many connections a listening socket has, those that wait and our own
 * included. Cheap: no process is looked at.
 *
 * @param socketPath Path of the listener's socket.
 */
export function unixSocketConnections(socketPath: string): number {
  const deadline = startDeadline(MAX_TIME_MS);
  return clientStates(socketsBoundTo(socketPath, deadline)).size;
}

type State = UnixSocketClient["state"];

/** The client ends of all connections: sockfs inode → state. */
function clientStates(bound: readonly UnixDiagEntry[]): Map<number, State> {
  const states = new Map<number, State>();
  for (const { waiting } of bound) {
    for (const inode of waiting) states.set(inode, "waiting");
  }
  for (const entry of bound) {
    // An accepted socket has its listener's address and file. One that still
    // waits exists too, but has no inode before accept(2) makes one.
    if (entry.state !== ESTABLISHED || entry.inode === 0) continue;
    if (!states.has(entry.peer)) states.set(entry.peer, "accepted");
  }
  states.delete(0);
  return states;
}

function socketsBoundTo(path: string, deadline: Deadline): UnixDiagEntry[] {
  try {
    const status = statPath(path);
    return listUnixSockets(deadline.remainingMs())
      .filter((entry) => isBoundTo(entry, status, path));
  } catch (error) {
    if (error instanceof SysError) return [];
    throw error;
  }
}

/** By inode: the name is what the listener wrote, maybe in its own chroot. */
function isBoundTo(
  entry: UnixDiagEntry,
  status: FileStatus,
  path: string,
): boolean {
  if (entry.file === null) return entry.name === path;
  return entry.file.inode === Number(BigInt.asUintN(32, status.inode)) &&
    (entry.file.device === status.device || entry.name === path);
}

function processesWith(
  states: ReadonlyMap<number, State>,
  deadline: Deadline,
): UnixSocketClient[] {
  const clients: UnixSocketClient[] = [];
  for (const pid of processIds()) {
    if (deadline.remainingMs() === 0) break;
    const state = stateOf(pid, states);
    if (state === undefined) continue;
    clients.push({ pid, command: commandOf(pid), state });
  }
  return clients;
}

function processIds(): number[] {
  return [...Deno.readDirSync("/proc")]
    .filter(({ name }) => /^[1-9]\d*$/.test(name))
    .map(({ name }) => Number(name))
    .filter((pid) => pid !== Deno.pid);
}

/** The state of the first of these sockets that a process has open. */
function stateOf(
  pid: number,
  states: ReadonlyMap<number, State>,
): State | undefined {
  try {
    for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
      const state = states.get(socketInode(`/proc/${pid}/fd/${name}`));
      if (state !== undefined) return state;
    }
  } catch {
    // It is gone, or of another user: nothing to learn here.
  }
  return undefined;
}

/** The inode of `socket:[N]`, 0 for everything else. */
function socketInode(link: string): number {
  try {
    const [, inode] = /^socket:\[(\d+)\]$/.exec(Deno.readLinkSync(link)) ?? [];
    return Number(inode ?? 0);
  } catch {
    return 0;
  }
}

/** What follows these words is nobody's business, though `ps` would show it. */
const SECRET = /((?:password|passwd|secret|data)["']?[=:] ?["']?)[^\s"',}]+/gi;

/**
 * A command line to be shown: cut, and without its secrets.
 *
 * @param words with a NUL behind each, as in `/proc/PID/cmdline`
 */
export function shownCommand(words: string): string {
  return words.replaceAll("\0", " ").trim().replace(SECRET, "$1***")
    .slice(0, MAX_COMMAND_LENGTH);
}

function commandOf(pid: number): string {
  try {
    return shownCommand(Deno.readTextFileSync(`/proc/${pid}/cmdline`));
  } catch {
    return "";
  }
}
