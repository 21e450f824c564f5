/**
 * Counts in, Markdown tables out.
 *
 * @module
 */

import { ALL_CALLS, RPC_CALLS } from "./calls.ts";
import type { Costs, RpcCosts } from "./cost.ts";
import type { Pair, PairResults, Time } from "./pair.ts";
import { median, medianInterval } from "./statistics.ts";
import { type Count, COUNTS } from "./strace_log.ts";

const HEADS: Readonly<Record<Count, string>> = {
  all: "system calls",
  outward: "of these outward",
  messages: "QMP commands",
  roundTrips: "round trips",
  commandBytes: "bytes to QMP",
  qmpBytes: "bytes from QMP",
  fileBytes: "bytes from files",
  syncs: "syncs",
};

const TIME_HEADS = ["whole process", "CPU time"].flatMap((what) => [
  `${what}, other`,
  "this",
  "difference",
  "this ÷ other",
]);

function table(head: readonly string[], rows: readonly string[][]): string {
  const line = head.map((_, index) => index === 0 ? "---" : "---:");
  return [head, line, ...rows]
    .map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** At most one digit, and none of a whole number. */
function plain(value: number): string {
  return String(Number(value.toFixed(1)));
}

function signed(value: number, digits: number): string {
  return `${value < 0 ? "" : "+"}${value.toFixed(digits)}`;
}

function interval(values: readonly number[], digits: number): string {
  const [low, high] = medianInterval(values);
  return `${signed(low, digits)} to ${signed(high, digits)}`;
}

/** The number alone if it is the same for both in each round. */
export function pairCell(pairs: readonly Pair<number>[]): string {
  const changes = pairs.map(({ other, tool }) => tool - other);
  const [from, to] = [
    median(pairs.map(({ other }) => other)),
    median(pairs.map(({ tool }) => tool)),
  ].map(plain);
  if (changes.every((change) => change === 0)) return `${to}`;
  const change = signed(median(changes), 0);
  const isSteady = new Set(changes).size === 1;
  const within = isSteady ? "" : `; ${interval(changes, 0)}`;
  return `${from} → ${to} (${change}${within})`;
}

const COUNTED = [...ALL_CALLS, ...RPC_CALLS] as const;

/** What was counted in one round. */
type AllCosts = Costs & RpcCosts;

/** What each call of one executable costs. */
export function costTable(
  release: string,
  rounds: readonly AllCosts[],
): string {
  const head = [`QEMU ${release}`, ...COUNTS.map((count) => HEADS[count])];
  const rows = COUNTED.map((call) => [
    `\`${call}\``,
    ...COUNTS.map((count) =>
      plain(median(rounds.map((costs) => costs[call][count])))
    ),
  ]);
  return table(head, rows);
}

/** Calls that are rarer in every row stand in no column. */
const RARE = 3;

/** How often each system call is made that reaches out. */
export function callTable(
  release: string,
  rounds: readonly AllCosts[],
): string {
  const often = (call: keyof AllCosts, name: string) =>
    median(rounds.map((costs) => costs[call].byName[name] ?? 0));
  const all = rounds.flatMap((costs) =>
    COUNTED.flatMap((call) => Object.keys(costs[call].byName))
  );
  const names = [...new Set(all)].sort()
    .filter((name) => COUNTED.some((call) => often(call, name) >= RARE));
  const rows = COUNTED.map((call) => [
    `\`${call}\``,
    ...names.map((name) => plain(often(call, name))),
  ]);
  return table([`QEMU ${release}`, ...names], rows);
}

/** What each call costs with both executables. */
function pairCostTable(release: string, { costs }: PairResults): string {
  const head = [`QEMU ${release}`, ...COUNTS.map((count) => HEADS[count])];
  const rows = COUNTED.map((call) => [
    `\`${call}\``,
    ...COUNTS.map((count) =>
      pairCell(costs.map(({ other, tool }) => ({
        other: other[call][count],
        tool: tool[call][count],
      })))
    ),
  ]);
  return table(head, rows);
}

function ratioCell(pairs: readonly Pair<number>[]): string {
  const ratios = pairs.map(({ other, tool }) => tool / other);
  const [low, high] = medianInterval(ratios).map((one) => one.toFixed(2));
  return `${median(ratios).toFixed(2)} (${low} to ${high})`;
}

/** Both medians, their difference and their ratio. */
function timeCells(pairs: readonly Pair<number>[]): string[] {
  const changes = pairs.map(({ other, tool }) => tool - other);
  return [
    median(pairs.map(({ other }) => other)).toFixed(1),
    median(pairs.map(({ tool }) => tool)).toFixed(1),
    `${signed(median(changes), 1)} (${interval(changes, 1)})`,
    ratioCell(pairs),
  ];
}

function pairTimeTable(release: string, { times }: PairResults): string {
  const head = [`QEMU ${release}, ms`, ...TIME_HEADS];
  const rows = ALL_CALLS.map((call) => {
    const of = (time: keyof Time) =>
      times.map(({ other, tool }) => ({
        other: other[call][time],
        tool: tool[call][time],
      }));
    return [
      `\`${call}\``,
      ...timeCells(of("clockMs")),
      ...timeCells(of("cpuMs")),
    ];
  });
  return table(head, rows);
}

/** Both executables, their times and what they cost. */
export function pairTables(release: string, results: PairResults): string {
  return [
    pairTimeTable(release, results),
    pairCostTable(release, results),
  ].join("\n\n");
}

/** How to read what is said of costs. */
export const COST_LEGEND =
  `What a call costs is counted under strace -f, from exec to exit, in runs of
their own; medians. System calls are those of all threads and child processes;
how many of them manage memory and threads, or wait, differs from run to run.
Outward ones reach a file, a socket or a device, without those that wait or
receive: they hardly ever differ, so one more is one more in the code. A sync is
one of these, an fsync or fdatasync. A request of \`rpc\` is counted when the
same was asked once before. A round
trip is a wait for an answer: commands that are sent together make one. Bytes
from files are those the program reads, without what the runtime reads.`;

/** How to read the tables of two executables. */
export function pairLegend(other: string, count: number): string {
  return `"Other" is ${other}; "this" was built from these sources. Medians of
${count} rounds. In each round both make every call, in changing order; the
difference and the ratio are taken within a round, and stand with the 95 %
interval of their median (with fewer than 6 rounds: from least to greatest).
CPU time is that of the process and its children, in their code and in the
kernel: other work on the machine disturbs it far less than the time on the
clock. A single number means that both cost the same in each round.

${COST_LEGEND}`;
}
