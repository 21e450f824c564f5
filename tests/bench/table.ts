/**
 * Rounds in, one Markdown table out.
 *
 * @module
 */

import { type Call, CALLS } from "./calls.ts";
import type { Round } from "./rounds.ts";
import type { Crowd, Times } from "./twentieth.ts";
import { median, medianInterval, quantile } from "./statistics.ts";

/** Milliseconds a call may take over QEMU and the one-line program. */
const MAX_OVER_MS = 15;
/** How many times the second disk the twentieth may take. */
const MAX_CROWD_RATIO = 1.1;
/** How many times the one-line program `--version` may take. */
const MAX_VERSION_RATIO = 1.2;
const MAX_PEAK_MIB = 56;

/** Peak memory of each call, and of the one-line program, in bytes. */
export interface Peaks {
  readonly tool: ReadonlyMap<Call, number>;
  readonly oneLine: number;
}

/** All of one QEMU release. */
export interface Results {
  /** `7.2` */
  readonly release: string;
  readonly rounds: readonly Round[];
  readonly peaks: Peaks;
  readonly crowd: Crowd;
}

type Row = readonly string[];

function ms(value: number): string {
  return `${value.toFixed(1)} ms`;
}

function mib(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function yesNo(isReached: boolean): string {
  return isReached ? "yes" : "**no**";
}

function between(values: readonly number[], digits: number): string {
  const [low, high] = medianInterval(values);
  return `(${low.toFixed(digits)} to ${high.toFixed(digits)})`;
}

function versionRow(rounds: readonly Round[]): Row {
  const ratios = rounds.map(({ tool, oneLine }) => tool["--version"] / oneLine);
  return [
    `${median(ratios).toFixed(2)} times ${between(ratios, 2)}`,
    `${MAX_VERSION_RATIO} times`,
    yesNo(median(ratios) <= MAX_VERSION_RATIO),
  ];
}

function overRow(call: Call, rounds: readonly Round[]): Row {
  const over = rounds.map(({ qemu, tool, oneLine }) =>
    tool[call] - qemu[call] - oneLine
  );
  return [
    `${ms(median(over))} ${between(over, 1)}`,
    ms(MAX_OVER_MS),
    yesNo(median(over) <= MAX_OVER_MS),
  ];
}

function timeRow(call: Call, rounds: readonly Round[]): Row {
  const qemu = median(rounds.map((round) => round.qemu[call]));
  const tool = rounds.map((round) => round.tool[call]);
  return [
    `\`${call}\``,
    qemu === 0 ? "" : ms(qemu),
    ms(median(tool)),
    ms(quantile(tool, 0.9)),
    ms(median(rounds.map(({ oneLine }) => oneLine))),
    ...(call === "--version" ? versionRow(rounds) : overRow(call, rounds)),
  ];
}

function peakRow({ tool, oneLine }: Peaks): Row {
  const peak = Math.max(...tool.values());
  const [call] = [...tool].find(([, bytes]) => bytes === peak) ?? [];
  return [
    `peak memory, most in \`${call}\``,
    "",
    mib(peak),
    "",
    mib(oneLine),
    mib(peak - oneLine),
    `under ${MAX_PEAK_MIB} MiB in all`,
    yesNo(peak < MAX_PEAK_MIB * 2 ** 20),
  ];
}

/** What is left of a whole process without QEMU's own time. */
function ownTime({ tool, qemu }: Times): number {
  return median(tool) - median(qemu);
}

/** Its ratio is that of the tool's own time; QEMU's stands beside it. */
function crowdRow({ second, twentieth }: Crowd): Row {
  const ratio = ownTime(twentieth) / ownTime(second);
  const [of20, of2] = [twentieth, second].map(({ tool }) => median(tool));
  return [
    "`disk add`, the twentieth",
    `${ms(median(twentieth.qemu))} (second: ${ms(median(second.qemu))})`,
    `${ms(of20 ?? 0)} (second: ${ms(of2 ?? 0)})`,
    ms(quantile(twentieth.tool, 0.9)),
    "",
    `${ratio.toFixed(2)} times the second`,
    `${MAX_CROWD_RATIO} times`,
    yesNo(ratio <= MAX_CROWD_RATIO),
  ];
}

/** The table of one release. */
export function tableOf({ release, rounds, peaks, crowd }: Results): string {
  const head = [
    "",
    `QEMU ${release} itself`,
    "whole process",
    "of 10, 9 within",
    "one-line program",
    "over both",
    "target",
    "reached",
  ];
  const rows = [
    head,
    head.map((_, index) => index === 0 ? "---" : "---:"),
    ...CALLS.map((call) => timeRow(call, rounds)),
    crowdRow(crowd),
    peakRow(peaks),
  ];
  return rows.map((row) => `| ${row.join(" | ")} |`).join("\n");
}

/** How to read the tables. */
export function legend(count: number): string {
  return `Medians of ${count} rounds. In each round come, in changing order:
a minimal client, connected all the time, which sends the same commands as the
tool, together where the tool sends them together, and waits for their replies
and DEVICE_DELETED, so that its time is QEMU's and the guest's own; the tool, from fork to exit; a program of one \`console.log\`,
packed the same way. "Over both" is tool − client − one-line program within
one round (for \`--version\`: tool ÷ one-line program), then the median of these,
with its 95 % confidence interval (order statistics) in parentheses: in
\`disk remove\` the guest's own time varies more than anything else. Peak memory
is ru_maxrss of wait4(2) for the one process. The twentieth disk is compared
with the second by what is left of the whole process without QEMU's own time.`;
}
