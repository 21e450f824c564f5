/**
 * What one run cost, counted from the log of strace(1).
 *
 * @module
 */

/** The cost of one call of the tool, from its exec to its exit. */
export interface Cost {
  /**
   * System calls of all threads and child processes. The runtime's threads,
   * its memory and how long QEMU takes make it differ from run to run.
   */
  readonly all: number;
  /**
   * Those that reach a file, a socket or a device, without those that wait or
   * receive. They hardly ever differ from run to run.
   */
  readonly outward: number;
  /** QMP commands sent, qmp_capabilities among them. */
  readonly messages: number;
  /** How often an answer was awaited: what is sent together is one. */
  readonly roundTrips: number;
  /** Bytes sent to QMP sockets: QEMU reads them one by one, 10 µs each. */
  readonly commandBytes: number;
  /** Bytes that came from QMP sockets. */
  readonly qmpBytes: number;
  /** Bytes read from files, except for what the runtime reads. */
  readonly fileBytes: number;
  /** Waits for the disk, except for those on the runtime's own caches. */
  readonly syncs: number;
  /** How often each system call of {@linkcode Cost.outward} was made. */
  readonly byName: Readonly<Record<string, number>>;
}

/** The names of the counts, in the order of the tables. */
export const COUNTS = [
  "all",
  "outward",
  "messages",
  "roundTrips",
  "commandBytes",
  "qmpBytes",
  "fileBytes",
  "syncs",
] as const;

/** One of the counts. */
export type Count = typeof COUNTS[number];

interface SystemCall {
  readonly name: string;
  readonly args: string;
  /** Negative if the call failed or did not return. */
  readonly result: number;
}

const OUTWARD = new RegExp(
  "^(?:open|close$|p?read|p?write|sendto|sendmsg|l?seek|[fl]?stat|newfstat|" +
    "readlink|getdents|rename|(?:un)?link|symlink|mkdir|rmdir|mknod|fch|" +
    "ch(?:mod|own|root)|fsync|fdatasync|f?truncate|flock|fcntl|ioctl|socket$|" +
    "connect|accept|bind|listen|f?access|u?mount|move_mount|fs(?:open|config|" +
    "mount)|execve|copy_file|utime)",
);
const SYNC = /^f(?:data)?sync$/;
const READING = /^(?:p?readv?(?:64)?|preadv2?|recvfrom|recvmsg)$/;
/** Threads and signals of the process itself, and Deno's caches in memory. */
const WITHIN =
  /^(?:anon_inode:|pipe:|\/dev\/u?random|.*_cache_v2|\/$|\/proc\/self\/fd\/901)/;
/** What the runtime reads whatever the program does. */
const OF_RUNTIME =
  /\.so(?:\.[\d.]+)?$|^\/(?:usr\/share\/zoneinfo|sys\/fs\/cgroup|proc\/meminfo)/;

/** What an argument's descriptor refers to: `-yy` shows it. */
function subjectOf({ name, args }: SystemCall): string {
  const [, label = ""] = /^\d+<(.*?)>(?=[,()]|$)/.exec(args) ?? [];
  const [, path = ""] = /open|stat|link|access/.test(name)
    ? /"([^"]*)"/.exec(args.slice(0, 4096)) ?? []
    : [];
  return path || label;
}

/** The calls in the order of their ends. */
function* callsOf(log: string): Generator<SystemCall> {
  const begun = new Map<string, string>();
  for (const line of log.split("\n")) {
    const [, thread = "", shown = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const [, start] = /^(.*) <unfinished \.\.\.>$/.exec(shown) ?? [];
    if (start !== undefined) {
      begun.set(thread, start);
      continue;
    }
    const [, end] = /^<\.\.\. \w+ resumed>(.*)$/.exec(shown) ?? [];
    const whole = end === undefined
      ? shown
      : `${begun.get(thread) ?? ""}${end}`;
    begun.delete(thread);
    const call = /^(\w+)\((.*)\) += (-?\d+|\?)/.exec(whole);
    if (!call) continue;
    const [, name = "", args = "", result] = call;
    yield { name, args, result: result === "?" ? -1 : Number(result) };
  }
}

/** The QMP sockets: UNIX sockets that were connected; strace shows inodes. */
class Sockets {
  readonly #awaiting = new Map<string, boolean>();
  messages = 0;
  roundTrips = 0;
  sent = 0;
  bytes = 0;

  /** @returns whether the call is about one of them */
  take(call: SystemCall): boolean {
    const [, inode] = /^\d+<UNIX-STREAM:\[(\d+)/.exec(call.args) ?? [];
    if (inode === undefined) return false;
    if (call.name === "connect") this.#awaiting.set(inode, false);
    if (!this.#awaiting.has(inode)) return false;
    if (/^(?:send|write)/.test(call.name) && call.result > 0) {
      this.#awaiting.set(inode, true);
      this.sent += call.result;
      this.messages += call.args.match(/\\"exec(?:ute|-oob)\\":/g)?.length ?? 0;
    }
    if (READING.test(call.name) && call.result > 0) this.#hear(inode, call);
    return true;
  }

  #hear(inode: string, { result }: SystemCall): void {
    this.bytes += result;
    if (this.#awaiting.get(inode)) this.roundTrips++;
    this.#awaiting.set(inode, false);
  }
}

/**
 * Counts a log of `strace -f -qq -yy`, with texts in full length.
 *
 * @param program path of the executable, resolved
 * @param pid the process. @default of the log's first line
 */
export function costIn(
  log: string,
  program: string,
  pid: string = log.slice(0, log.indexOf(" ")),
): Cost {
  const own = `/proc/${pid}/`;
  const sockets = new Sockets();
  let [all, outward, fileBytes, syncs] = [0, 0, 0, 0];
  const byName: Record<string, number> = {};
  for (const call of callsOf(log)) {
    all++;
    const subject = subjectOf(call);
    if (OUTWARD.test(call.name) && !WITHIN.test(subject)) {
      outward++;
      byName[call.name] = (byName[call.name] ?? 0) + 1;
      if (SYNC.test(call.name)) syncs++;
    }
    if (sockets.take(call) || call.result <= 0) continue;
    if (!READING.test(call.name) || !subject.startsWith("/")) continue;
    const isOurs = subject !== program && !subject.startsWith(own) &&
      !WITHIN.test(subject) && !OF_RUNTIME.test(subject);
    if (isOurs) fileBytes += call.result;
  }
  const { messages, roundTrips, sent: commandBytes, bytes: qmpBytes } = sockets;
  return {
    ...{ all, outward, messages, roundTrips, commandBytes, qmpBytes },
    ...{ fileBytes, syncs },
    byName,
  };
}

/** A line in which a request comes in: Deno reads a duplicate of stdin. */
const REQUEST =
  /^\d+ +(?:read\(\d+<pipe:[^>]*>, |<\.\.\. read resumed>)"\{\\"jsonrpc/;

/**
 * Counts each request of `rpc` in a log like that of {@linkcode costIn}: what
 * comes after it until the next one.
 */
export function requestCostsIn(log: string, program: string): Cost[] {
  const parts: string[][] = [];
  for (const line of log.split("\n")) {
    if (REQUEST.test(line)) parts.push([]);
    parts.at(-1)?.push(line);
  }
  const pid = log.slice(0, log.indexOf(" "));
  return parts.map((lines) => costIn(lines.join("\n"), program, pid));
}
