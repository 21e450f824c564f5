/**
 * The MTU of a tap, and the rates of its traffic, by the kernel's traffic
 * control (tc(8)): tbf on the traffic to the guest, a policer on the traffic from
 * the guest.
 *
 * @module
 */

import { HotplugError } from "../errors.ts";
import { runCommand } from "./command.ts";
import { readIfThere } from "./look.ts";
import { findProgram, ip } from "./network.ts";

/** Bytes a second in each direction, of the guest; null: no limit. */
export interface TapRates {
  /** Towards the guest. */
  readonly in: number | null;
  /** From the guest. */
  readonly out: number | null;
}

/** What a tap is set to. */
export interface TapTuning extends TapRates {
  /** In bytes; null: it is left as it is. */
  readonly mtu: number | null;
}

/** Longest run of one program, in milliseconds. */
const TC_TIMEOUT_MS = 10_000;

/**
 * A burst lasts a tenth of a second, and holds at least a few of the largest
 * packets: a guest sends segments of up to 64 KiB.
 */
const MIN_BURST_BYTES = 256 * 1024;

/** Longest wait in the queue, in milliseconds. */
const LATENCY_MS = 100;

/** The largest segment that a policer sees, in bytes. */
const SEGMENT_BYTES = 65_535;

/** Handle of the ingress qdisc, the only one it can have. */
const INGRESS = "ffff:";

function burstOf(rate: number): number {
  return Math.max(MIN_BURST_BYTES, Math.ceil(rate / 10));
}

function egressLine(dev: string, rate: number): string {
  return `qdisc replace dev ${dev} root tbf rate ${rate * 8}bit burst ${
    burstOf(rate)
  } latency ${LATENCY_MS}ms`;
}

function ingressLines(dev: string, rate: number): string[] {
  return [
    `qdisc add dev ${dev} handle ${INGRESS} ingress`,
    `filter add dev ${dev} parent ${INGRESS} protocol all prio 1 u32 match u32 0 0 police rate ${
      rate * 8
    }bit burst ${burstOf(rate)} mtu ${SEGMENT_BYTES} drop flowid :1`,
  ];
}

function tcPath(): string | undefined {
  return findProgram("tc");
}

async function tc(lines: readonly string[]): Promise<void> {
  const program = tcPath();
  if (program === undefined) throw noTc();
  if (lines.length === 0) return;
  await runCommand(program, {
    args: ["-batch", "-"],
    input: [...lines, ""].join("\n"),
    timeoutMs: TC_TIMEOUT_MS,
  });
}

function noTc(): HotplugError {
  return new HotplugError(
    "host-error",
    "iproute2 is missing: no program tc",
    { hint: "install iproute2" },
  );
}

/** What tc says of a kind that the kernel does not know. */
const IS_LACKING =
  /qdisc kind is unknown|classifier not found|Failed to load TC action module|RTNETLINK answers: (?:No such file or directory|Operation not supported)/;

/**
 * Why this node cannot limit traffic so, undefined if it can. It is
 * tried on the loopback device of a new network namespace, which ends with the
 * program.
 */
export async function ratesFault(
  { in: towards, out: from }: TapRates,
): Promise<string | undefined> {
  const [program, unshare] = [tcPath(), findProgram("unshare")];
  if (program === undefined) return "iproute2 is missing: no program tc";
  if (unshare === undefined) return undefined;
  const tried = [
    {
      lines: towards ? [egressLine("lo", towards)] : [],
      lack: "the tbf qdisc (module sch_tbf)",
    },
    {
      lines: from ? ingressLines("lo", from) : [],
      lack:
        "the ingress policer (modules sch_ingress, cls_u32, act_police), which limits the traffic from the guest; --rate-in does not need it",
    },
  ];
  for (const { lines, lack } of tried) {
    if (lines.length === 0) continue;
    try {
      await runCommand(unshare, {
        args: ["--net", program, "-batch", "-"],
        input: [...lines, ""].join("\n"),
        timeoutMs: TC_TIMEOUT_MS,
      });
    } catch (error) {
      if (!(error instanceof HotplugError)) throw error;
      return IS_LACKING.test(error.message)
        ? `this node's kernel lacks ${lack}`
        : error.message;
    }
  }
  return undefined;
}

/** The MTU of an interface; undefined if it does not exist. */
export function mtuOf(name: string): number | undefined {
  const text = readIfThere(`/sys/class/net/${name}/mtu`)?.trim();
  return text === undefined ? undefined : Number(text);
}

async function shown(args: readonly string[]): Promise<unknown[]> {
  const program = tcPath();
  if (program === undefined) throw noTc();
  const text = await runCommand(program, { args, timeoutMs: TC_TIMEOUT_MS });
  if (text === "") return [];
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [];
  } catch (error) {
    const message = `${program} ${args.join(" ")} is not JSON: ${text}`;
    throw new HotplugError("host-error", message, { cause: error });
  }
}

/** A number that stands under this key, wherever; undefined: none does. */
function numberAt(value: unknown, key: string): number | undefined {
  if (value === null || typeof value !== "object") return undefined;
  for (const [name, one] of Object.entries(value)) {
    if (name === key && typeof one === "number") return one;
    const inner = numberAt(one, key);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

/** Bytes a second; null: no limit; `unknown`: tc was not asked, or fails. */
export type LiveRate = number | null | "unknown";

/** The rates of a tap. */
export interface LiveRates {
  /** Towards the guest. */
  readonly in: LiveRate;
  /** From the guest; older releases of tc do not tell the rate of a policer. */
  readonly out: LiveRate;
}

/** The rates of a tap about which tc was not asked, or does not answer. */
const UNKNOWN: LiveRates = { in: "unknown", out: "unknown" };

function showQdiscs(tap: string): Promise<unknown[]> {
  return shown(["-j", "qdisc", "show", "dev", tap]);
}

/** What tc tells; undefined: it is missing, or fails. */
async function told(
  looked: Promise<unknown[]>,
): Promise<unknown[] | undefined> {
  try {
    return await looked;
  } catch (error) {
    if (!(error instanceof HotplugError)) throw error;
    return undefined;
  }
}

/** Looks which rates a tap has; a tc that fails is no fault of the tap. */
export async function ratesOf(tap: string): Promise<LiveRates> {
  const qdiscs = await told(showQdiscs(tap));
  if (qdiscs === undefined) return UNKNOWN;
  const kindOf = (one: unknown) => (one as { readonly kind?: unknown })?.kind;
  const tbf = qdiscs.find((one) => kindOf(one) === "tbf");
  const towards = tbf === undefined ? null : numberAt(tbf, "rate") ?? "unknown";
  if (!qdiscs.some((one) => kindOf(one) === "ingress")) {
    return { in: towards, out: null };
  }
  const filters = await told(
    shown(["-j", "filter", "show", "dev", tap, "ingress"]),
  );
  if (filters?.length === 0) return { in: towards, out: null };
  return { in: towards, out: numberAt(filters, "rate") ?? "unknown" };
}

/** Whether the rates of both are the same. */
export function sameRates(one: TapRates, other: TapRates): boolean {
  return one.in === other.in && one.out === other.out;
}

/** No limit in either direction. */
export const NO_RATES: TapRates = { in: null, out: null };

/**
 * Sets a tap; may be repeated. Where its rates stay, tc is not asked.
 *
 * @param from the rates that it has
 * @throws {HotplugError} `host-error`
 */
export async function tuneTap(
  tap: string,
  to: TapTuning,
  from: TapRates,
): Promise<void> {
  if (to.mtu !== null && mtuOf(tap) !== to.mtu) {
    await ip(["link", "set", "dev", tap, "mtu", String(to.mtu)]);
  }
  if (sameRates(from, to)) return;
  const qdiscs = await showQdiscs(tap);
  const has = (kind: string) =>
    qdiscs.some((one) => (one as { readonly kind?: unknown })?.kind === kind);
  await tc([
    ...(to.in !== null
      ? [egressLine(tap, to.in)]
      : has("tbf")
      ? [`qdisc del dev ${tap} root`]
      : []),
    ...(has("ingress") ? [`qdisc del dev ${tap} ingress`] : []),
    ...(to.out !== null ? ingressLines(tap, to.out) : []),
  ]);
}

/** What a tap is set to. */
export interface LiveTuning extends LiveRates {
  /** In bytes; null: the tap does not exist. */
  readonly mtu: number | null;
}

/**
 * Looks what a tap is set to.
 *
 * @param hasRates whether tc is asked; else the rates are unknown
 */
export async function readTuning(
  tap: string,
  { hasRates }: { readonly hasRates: boolean },
): Promise<LiveTuning> {
  const rates = hasRates ? await ratesOf(tap) : UNKNOWN;
  return { mtu: mtuOf(tap) ?? null, ...rates };
}
