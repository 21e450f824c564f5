/**
 * In which order a run wrote files, synced them and spoke to QEMU, seen by
 * strace(1): what must be on the disk before what.
 *
 * @module
 */

/** One call of the thread that runs the program. */
interface Event {
  readonly call: string;
  /** The file that was written, synced, made or put in place. */
  readonly path: string;
  /** As strace shows it. */
  readonly line: string;
}

/** What a trace must show. */
export const TRACED = [
  ...["openat", "write", "pwrite64", "fsync", "fdatasync", "sendto"],
  ...["sendmsg", "renameat", "renameat2", "unlinkat"],
];

/**
 * QMP commands that change nothing (`info network` is our only
 * human-monitor-command), that drop an fd by a name of ours and may be repeated
 * at any time, or that belong to a step which began with another one: the
 * exchange of a medium.
 */
const FREE = new RegExp(
  "^(?:query-|x-debug-query-|qom-(?:get|list)|qmp_cap|device-list-|" +
    "human-monitor-|closefd|blockdev-(?:remove|insert)-medium|" +
    "blockdev-close-tray)",
);

/** `AT_FDCWD</folder>, "name"` or `7</folder>, "name"`, from `at` on. */
function named(args: string, at: number): string {
  const all = [...args.matchAll(/(?:AT_FDCWD|\d+)<([^>]*)>, "([^"]*)"/g)];
  const [, folder = "", name = ""] = all[at] ?? [];
  return name.startsWith("/") ? name : `${folder}/${name}`;
}

function eventOf(line: string): Event[] {
  const [, call = "", args = "", result] = /^\d+ +(\w+)\((.*)\) += (-?\d+)/
    .exec(line) ?? [];
  if (result === undefined || result.startsWith("-")) return [];
  const made = (path: string, name = call): Event[] => [
    { call: name, path, line },
  ];
  switch (call) {
    case "openat":
      return /O_CREAT/.test(args) ? made(named(args, 0), "create") : [];
    case "renameat":
    case "renameat2":
      return made(named(args, 1), "rename");
    case "unlinkat":
      return made(named(args, 0), "unlink");
    case "sendto":
    case "sendmsg": {
      const commands = [...args.matchAll(/\\"execute\\": ?\\"([\w-]+)\\"/g)]
        .map(([, name = ""]) => name).filter((name) => !FREE.test(name));
      return commands.flatMap((name) => made(name, "qmp"));
    }
  }
  return made(/^\d+<([^>]*)>/.exec(args)?.[1] ?? "");
}

/**
 * The calls of one thread, each in one line. strace writes a call in two parts
 * if a line of another thread comes between.
 */
function callsOf(log: string, pid: string): string[] {
  return log.split("\n").filter((line) => line.startsWith(`${pid} `))
    .join("\n")
    .replaceAll(/ <unfinished \.\.\.>\n\d+ +<\.\.\. \w+ resumed>/g, "")
    .split("\n");
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

const SYNC = /^f(?:data)?sync$/;
const WRITE = /^p?write/;

/** Paths of which a name must survive a crash, in any folder. */
function lasts(path: string): boolean {
  return /\.(?:runtime|journal|json)$/.test(path);
}

/** Whether nothing else comes between: a file is synced as it was written. */
function expectWritten(before: readonly Event[], from: string): string[] {
  const written = before.findLastIndex((one) =>
    WRITE.test(one.call) && one.path === from
  );
  const synced = before.findLastIndex((one) =>
    SYNC.test(one.call) && one.path === from
  );
  return synced > written && written >= 0 ? [] : [`${from} is not synced`];
}

/** The next thing that relies on what came before it. */
function untilNext(after: readonly Event[]): readonly Event[] {
  const end = after.findIndex(({ call }) => call === "qmp");
  return end < 0 ? after : after.slice(0, end);
}

function faultsAt(events: readonly Event[], at: number): string[] {
  const { call, path, line } = events[at] as Event;
  const before = events.slice(0, at);
  const after = events.slice(at + 1);
  const faults: string[] = [];
  if (call === "rename" && lasts(path)) {
    faults.push(...expectWritten(before, named(line, 0)));
  }
  const isName = ["rename", "create", "unlink"].includes(call) && lasts(path);
  const isSynced = untilNext(after).some((one) =>
    SYNC.test(one.call) && one.path === folderOf(path)
  );
  if (isName && !isSynced) faults.push(`${folderOf(path)} is not synced`);
  if (WRITE.test(call) && path.endsWith(".journal")) {
    const next = after[0];
    const isNext = next !== undefined && SYNC.test(next.call) &&
      next.path === path;
    if (!isNext) faults.push(`${path} is not synced at once`);
  }
  if (call === "qmp") {
    const last = before.findLastIndex((one) =>
      one.call === "qmp" || one.path.endsWith(".journal")
    );
    if (before[last]?.call !== "fdatasync") {
      faults.push(`${path} was sent before the journal told of it`);
    }
  }
  return faults.map((fault) => `${fault}: ${line.slice(0, 200)}`);
}

/** What one traced run put on the disk, and in which order. */
export interface Durable {
  /** What was not on the disk when it had to be. */
  readonly faults: readonly string[];
  /** How often a file was put in place or a line was kept, by its ending. */
  readonly counts: Readonly<Record<string, number>>;
}

/**
 * Judges a log of `strace -f -y -s 65536 -e trace=TRACED`.
 *
 * - A file is renamed only once its content is on the disk, and the folder is
 *   synced before QEMU is told anything more, and before the end.
 * - A line of the journal is on the disk before anything else is done.
 * - Before each QMP command that changes something, the journal tells of it.
 */
export function durable(log: string): Durable {
  const [pid = ""] = log.split(" ");
  const events = callsOf(log, pid).flatMap(eventOf);
  const counts: Record<string, number> = {};
  for (const { call, path } of events) {
    const [, ending] = /\.(runtime|journal|json)$/.exec(path) ?? [];
    const what = call === "qmp" ? call : ending && `${call} ${ending}`;
    if (what) counts[what] = (counts[what] ?? 0) + 1;
  }
  return { faults: events.flatMap((_, at) => faultsAt(events, at)), counts };
}
