/**
 * The text format of Prometheus, version 0.0.4. Pure.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * Only gauges: nothing of a call outlives the call, so nothing is counted.
 * node_exporter 1.5 drops a whole file for one type that is newer than the
 * format, for `# EOF`, and for one sample that occurs twice.
 *
 * @module
 */

import { printable } from "./text.ts";

/** Labels of a sample, by their names. */
export type Labels = Readonly<Record<string, string>>;

/** One metric and its samples. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly samples: readonly (readonly [Labels, number])[];
}

/** Longest value of a label; a longer one is cut. */
const MAX_VALUE = 256;

/**
 * A value between its quotes. Text from QEMU or a file cannot end the value,
 * the line, or the direction of writing.
 */
function labelValue(text: string): string {
  return printable(text.slice(0, MAX_VALUE))
    .replaceAll("\\", "\\\\").replaceAll('"', '\\"');
}

function labelsText(labels: Labels): string {
  const parts = Object.entries(labels)
    .map(([name, value]) => `${name}="${labelValue(value)}"`);
  return parts.length === 0 ? "" : `{${parts.join()}}`;
}

/** The lines of one gauge; none without a sample. */
function gaugeLines({ name, help, samples }: Gauge): string[] {
  const values = new Map<string, number>();
  for (const [labels, value] of samples) {
    const key = labelsText(labels);
    if (!values.has(key)) values.set(key, value);
  }
  if (values.size === 0) return [];
  return [
    `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
    `# TYPE ${name} gauge`,
    ...[...values].map(([labels, value]) => `${name}${labels} ${value}`),
  ];
}

/** All lines; samples with the same labels are written once, the first. */
export function expositionLines(gauges: readonly Gauge[]): string[] {
  return gauges.flatMap(gaugeLines);
}
