/**
 * The clients of a unix socket.
 *
 * @module
 */

import { passShortage } from "../errors.ts";
import { unlessRefused } from "./errno.ts";
import { type FileStatus, statPath } from "./file_status.ts";
import { readText } from "./regular_file.ts";
import { type Deadline, startDeadline } from "./thread.ts";
import {
  ESTABLISHED,
  listUnixSockets,
  type UnixDiagEntry,
} from "./unix_diag.ts";

/** One process at the client's end of a connection. */
export interface UnixSocketClient {
  /** In our pid namespace; processes of other namespaces are not seen. */
  readonly pid: number;
  /** Its command line, at most 120 characters. Text of the other process. */
  readonly command: string;
  /**
   * The whole command line, for decisions, not for display. Text of the other
   * process.
   */
  readonly argv: readonly string[];
  /**
   * Whether the listener has accepted the connection, or it is in the queue.
   */
  readonly state: "accepted" | "waiting";
}

/** The result of {@linkcode unixSocketHolders}. */
export interface UnixSocketHolders {
  /** Accepted ones come first. */
  readonly clients: UnixSocketClient[];
  /** The state of a connection of this process's own, if it has one. */
  readonly own: UnixSocketClient["state"] | undefined;
  /**
   * Whether the listener has accepted any connection, of these clients or
   * others.
   */
  readonly isServing: boolean;
}

const MAX_TIME_MS = 500;
const MAX_COMMAND_LENGTH = 120;

/**
 * The processes connected to a listening socket, without this one.
 *
 * Takes at most half a second and one process more; on a machine with very many
 * processes the list may be incomplete. The list is empty if the kernel has no
 * sock_diag, if there is no such socket, or if the listener is in another
 * network namespace.
 *
 * @param socketPath Path of the listener's socket.
 */
export function unixSocketHolders(socketPath: string): UnixSocketHolders {
  const [only] = unixSocketsHolders([socketPath], MAX_TIME_MS).values();
  return only ?? { clients: [], own: undefined, isServing: false };
}

/**
 * As {@linkcode unixSocketHolders}, for several sockets by their paths, with
 * one look at the processes.
 *
 * @param maxTimeMs The longest time, with one process more.
 */
export function unixSocketsHolders(
  socketPaths: readonly string[],
  maxTimeMs: number,
): Map<string, UnixSocketHolders> {
  const deadline = startDeadline(maxTimeMs);
  const sockets = socketsAt(socketPaths, deadline);
  const ends: Ends = new Map();
  for (const [path, bound] of sockets) {
    for (const [inode, state] of clientStates(bound)) {
      ends.set(inode, { path, state });
    }
  }
  const served = [...ends.values()].filter((end) => end.state === "accepted");
  const own = ends.size === 0 ? new Map() : statesOf(Deno.pid, ends);
  const clients = ends.size === 0 ? [] : processesWith(ends, deadline);
  return new Map(socketPaths.map((path) => {
    const its = clients.filter((one) => one.path === path)
      .map(({ path: _, ...client }) => client);
    const inState = (state: State) => its.filter((c) => c.state === state);
    return [path, {
      clients: [...inState("accepted"), ...inState("waiting")],
      own: own.get(path),
      isServing: served.some((end) => end.path === path),
    }];
  }));
}

/**
 * The number of connections of a listening socket, with waiting ones and our
 * own. Cheap: no process is looked at.
 *
 * @param socketPath Path of the listener's socket.
 */
export function unixSocketConnections(socketPath: string): number {
  const deadline = startDeadline(MAX_TIME_MS);
  const [bound = []] = socketsAt([socketPath], deadline).values();
  return clientStates(bound).size;
}

type State = UnixSocketClient["state"];

/** Client ends by their sockfs inode. */
type Ends = Map<number, { readonly path: string; readonly state: State }>;

/** The client ends of all connections: sockfs inode → state. */
function clientStates(bound: readonly UnixDiagEntry[]): Map<number, State> {
  const states = new Map<number, State>();
  for (const { waiting } of bound) {
    for (const inode of waiting) states.set(inode, "waiting");
  }
  for (const entry of bound) {
    // An accepted socket has its listener's address and file. A waiting
    // connection exists too, but has no inode before accept(2) makes one.
    if (entry.state !== ESTABLISHED || entry.inode === 0) continue;
    if (!states.has(entry.peer)) states.set(entry.peer, "accepted");
  }
  states.delete(0);
  return states;
}

/** The sockets of each listener, accepted ones too. */
function socketsAt(
  paths: readonly string[],
  deadline: Deadline,
): Map<string, UnixDiagEntry[]> {
  const all = unlessRefused(() => listUnixSockets(deadline.remainingMs())) ??
    [];
  return new Map(paths.map((path) => {
    const status = unlessRefused(() => statPath(path));
    const isIts = (entry: UnixDiagEntry) =>
      status !== undefined && isBoundTo(entry, status, path);
    return [path, all.filter(isIts)];
  }));
}

/**
 * By inode: the name is text of the listener, perhaps of a path in its chroot.
 */
function isBoundTo(
  entry: UnixDiagEntry,
  status: FileStatus,
  path: string,
): boolean {
  if (entry.file === null) return entry.name === path;
  return entry.file.inode === Number(BigInt.asUintN(32, status.inode)) &&
    (entry.file.device === status.device || entry.name === path);
}

/** A client, and the listener of its connection. */
type ClientOf = UnixSocketClient & { readonly path: string };

function processesWith(ends: Ends, deadline: Deadline): ClientOf[] {
  const clients: ClientOf[] = [];
  for (const pid of processIds()) {
    if (deadline.remainingMs() === 0) break;
    const states = statesOf(pid, ends);
    if (states.size === 0) continue;
    const words = commandOf(pid);
    const command = shownCommand(words);
    const argv = words.split("\0").slice(0, -1);
    for (const [path, state] of states) {
      clients.push({ pid, command, argv, state, path });
    }
  }
  return clients;
}

function processIds(): number[] {
  return [...Deno.readDirSync("/proc")]
    .filter(({ name }) => /^[1-9]\d*$/.test(name))
    .map(({ name }) => Number(name))
    .filter((pid) => pid !== Deno.pid);
}

/**
 * The listeners to which a process is connected, by its first socket for each.
 */
function statesOf(pid: number, ends: Ends): Map<string, State> {
  const states = new Map<string, State>();
  try {
    for (const { name } of Deno.readDirSync(`/proc/${pid}/fd`)) {
      const end = ends.get(socketInode(`/proc/${pid}/fd/${name}`));
      if (end === undefined || states.has(end.path)) continue;
      states.set(end.path, end.state);
    }
  } catch (error) {
    passShortage(error);
    // The process is gone, or belongs to another user: nothing to learn here.
  }
  return states;
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

/** The text after these words is secret, although `ps` would show it. */
const SECRET = /((?:password|passwd|secret|data)["']?[=:] ?["']?)[^\s"',}]+/gi;

/**
 * A command line for display: cut, and without its secrets.
 *
 * @param words with a NUL after each, as in `/proc/PID/cmdline`
 */
export function shownCommand(words: string): string {
  return words.replaceAll("\0", " ").trim().replace(SECRET, "$1***")
    .slice(0, MAX_COMMAND_LENGTH);
}

/** Words with a NUL after each. */
function commandOf(pid: number): string {
  return unlessRefused(() => readText(`/proc/${pid}/cmdline`)) ?? "";
}
