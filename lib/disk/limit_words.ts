/**
 * The options of I/O limits.
 *
 * @module
 */

import {
  GROUP_NAME,
  type IoLimits,
  LIMIT_NAMES,
  type LimitName,
  type LimitsFault,
  limitUnit,
  MAX_LIMIT,
  RATE_NAMES,
  type RateName,
} from "../device/io_limits.ts";
import { usage } from "../errors.ts";
import { defined } from "../state/defined.ts";
import {
  type AmountOption,
  amountOption,
  type Invocation,
} from "../words/options.ts";
import { amount } from "../words/request_words.ts";
import { textThat } from "../words/values.ts";

const RATE_HELP: Readonly<Record<RateName, string>> = {
  "iops": "I/O operations per second; 0: no limit",
  "iops-read": "read operations per second",
  "iops-write": "write operations per second",
  "bps": "bytes per second, with k M G T; 0: no limit",
  "bps-read": "bytes read per second",
  "bps-write": "bytes written per second",
};

function limitHelp(name: LimitName): string {
  if (name === "iops-size") {
    return "bytes of one operation; a larger one counts as several";
  }
  const rate = RATE_NAMES.find((one) => one === name);
  if (rate !== undefined) return RATE_HELP[rate];
  const [, of = "", end] = /^(.*?)-max(-length)?$/.exec(name) ?? [];
  return end === undefined
    ? `the higher limit of a burst, above --${of}`
    : `longest burst at --${of}-max, in whole seconds`;
}

/** Longest burst, a day. */
const MAX_BURST_SECONDS = 86_400;

function limitOption(name: LimitName): AmountOption {
  const help = limitHelp(name);
  switch (limitUnit(name)) {
    case "bytes": {
      const amount = { unit: "bytes", min: 0, max: MAX_LIMIT } as const;
      return amountOption(amount, `${name} SIZE`, help);
    }
    case "number": {
      const amount = { unit: "number", min: 0, max: 999_999_999 } as const;
      return amountOption(amount, `${name} N`, help);
    }
    default: {
      const bounds = { min: 1, max: MAX_BURST_SECONDS };
      const amount = { unit: "number", ...bounds } as const;
      return amountOption(amount, `${name} S`, help, "1");
    }
  }
}

/** The options of the limits themselves. */
export const LIMIT_OPTIONS: readonly AmountOption[] = LIMIT_NAMES.map(
  limitOption,
);

/** The name of a group of limits. */
export const limitGroup = textThat(
  (text) => GROUP_NAME.test(text),
  "up to 64 letters, digits, '.', '_' and '-', and not the id of a disk",
);

/**
 * The limits among the options, undefined if there are none.
 *
 * @param faultOf what is wrong with them, whatever the disk has
 * @throws {HotplugError} `usage`
 */
export function limitsOf(
  invocation: Invocation,
  faultOf: (limits: IoLimits) => LimitsFault | undefined,
): IoLimits | undefined {
  const limits: IoLimits = defined(Object.fromEntries(
    LIMIT_OPTIONS.map((one) => [one.name, amount(invocation, one)]),
  ));
  if (Object.keys(limits).length === 0) return undefined;
  const fault = faultOf(limits);
  if (fault === undefined) return limits;
  throw usage(`Cannot set these limits: ${fault.why}`);
}
