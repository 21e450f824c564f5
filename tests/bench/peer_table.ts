/**
 * The tool beside others, and a thousand instances: numbers in, Markdown out.
 *
 * @module
 */

import { type Peer, type PeerRound, PEERS } from "./peers.ts";
import { median, medianInterval } from "./statistics.ts";
import { INSTANCES, type Thousand } from "./thousand.ts";

const MIB = 2 ** 20;

function row(...cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = head.map((_, index) => index === 0 ? "---" : "---:");
  return [head, line, ...rows].map((cells) => row(...cells)).join("\n");
}

function within(values: readonly number[], digits: number): string {
  const [low, high] = medianInterval(values);
  return `${median(values).toFixed(digits)} (${low.toFixed(digits)} to ${
    high.toFixed(digits)
  })`;
}

/** The rounds that have all of these. */
function clocks(rounds: readonly PeerRound[], ...peers: readonly Peer[]) {
  return rounds.map((round) => peers.map((peer) => round.get(peer)?.clockMs))
    .filter((all) => all.every((one) => one !== undefined)) as number[][];
}

/** One comparison within each round, and what is wanted of it. */
interface Aim {
  readonly title: string;
  readonly peers: readonly Peer[];
  readonly of: (...times: number[]) => number;
  readonly digits: number;
  readonly most: number;
}

const AIMS: readonly Aim[] = [
  {
    title: "`rpc` `disk.add` − bare commands, ms",
    peers: ["rpc disk.add", "bare commands"],
    of: (tool = NaN, bare = NaN) => tool - bare,
    ...{ digits: 1, most: 8 },
  },
  {
    title: "`rpc` `disk.add` ÷ Ganeti, resident",
    peers: ["rpc disk.add", "Ganeti, resident"],
    of: (tool = NaN, ganeti = NaN) => tool / ganeti,
    ...{ digits: 2, most: 1 },
  },
  {
    title: "`rpc` `list` − bare queries, ms",
    peers: ["rpc list", "bare queries"],
    of: (tool = NaN, bare = NaN) => tool - bare,
    ...{ digits: 1, most: 5 },
  },
  {
    title: "`disk add` ÷ `virsh attach-device`",
    peers: ["disk add", "virsh attach-device"],
    of: (tool = NaN, virsh = NaN) => tool / virsh,
    ...{ digits: 2, most: 1.1 },
  },
  {
    title: "`list INSTANCE` − one-line program − bare queries, ms",
    peers: ["list INSTANCE", "one-line program", "bare queries"],
    of: (tool = NaN, one = NaN, bare = NaN) => tool - one - bare,
    ...{ digits: 1, most: 8 },
  },
];

function yesNo(isReached: boolean): string {
  return isReached ? "yes" : "**no**";
}

function aimRow(
  { title, peers, of, digits, most }: Aim,
  rounds: readonly PeerRound[],
): string[] {
  const values = clocks(rounds, ...peers).map((times) => of(...times));
  if (values.length === 0) return [title, "not there", String(most), ""];
  const reached = yesNo(median(values) <= most);
  return [title, within(values, digits), String(most), reached];
}

/** Who takes how long, and what is wanted of the comparison. */
export function peerTables(
  release: string,
  rounds: readonly PeerRound[],
): string {
  if (rounds.length === 0) return "Without Ganeti there is no comparison.";
  const times = PEERS.map((peer) => {
    const all = rounds.flatMap((round) => round.get(peer) ?? []);
    if (all.length === 0) return [peer, "not there", ""];
    const cpu = all.flatMap(({ cpuMs }) => cpuMs ?? []);
    return [
      peer,
      within(all.map(({ clockMs }) => clockMs), 1),
      cpu.length === 0 ? "" : within(cpu, 1),
    ];
  });
  return [
    table([`QEMU ${release}, ms`, "on the clock", "CPU time"], times),
    table(
      ["within a round", "median (95 % interval)", "at most", "reached"],
      AIMS.map((aim) => aimRow(aim, rounds)),
    ),
  ].join("\n\n");
}

/** Longest time on the clock, in ms, and most memory, in MiB. */
const THOUSAND_AIMS = {
  list: { clockMs: 500, peakMiB: 110 },
  metrics: { clockMs: 1000, peakMiB: 130 },
};

/** What a question to them all takes. */
export function thousandTable(
  { command, rounds, peakBytes }: Thousand,
): string {
  const { clockMs, peakMiB } = THOUSAND_AIMS[command];
  const clock = rounds.map(({ clockMs }) => clockMs);
  const cpu = rounds.map(({ cpuMs }) => cpuMs);
  const peak = peakBytes / MIB;
  return table(
    [`\`${command}\` of ${INSTANCES} instances`, "", "at most", "reached"],
    [
      [
        "on the clock, ms",
        within(clock, 0),
        `${clockMs}`,
        yesNo(median(clock) <= clockMs),
      ],
      ["CPU time, ms", within(cpu, 0), "", ""],
      [
        "peak memory, MiB",
        peak.toFixed(1),
        `${peakMiB}`,
        yesNo(peak <= peakMiB),
      ],
    ],
  );
}

/** How to read these tables. */
export const PEER_LEGEND =
  `Bare commands: a client connects, negotiates and sends two queries, add-fd,
blockdev-add, device_add and remove-fd, one after the other; nothing is checked
or written. Bare queries: the same client, with the queries of \`list
INSTANCE\`. Ganeti's function runs inside its node daemon, which was asked
before. virsh is a whole process, its daemon is running, and its machine has the
same kernel. All plug a virtio disk that is a file on a tmpfs, as the run
directory is. A comparison is made within each round; its median stands with its
95 % interval. The thousand monitors are one process that replays what a real
QEMU answered.`;
