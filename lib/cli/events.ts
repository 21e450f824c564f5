/**
 * The `events` command: a VM's events as they come.
 *
 * @module
 */

import { titleOf } from "../device/select.ts";
import { HotplugError, unsupported } from "../errors.ts";
import { readSchema } from "../operation/raw_command.ts";
import { type Gap, idsOf, type Sight, watch } from "../operation/watch.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { QmpEvent } from "../qmp/message.ts";
import type { DeviceEntry } from "../state/runtime.ts";
import { readRuntimeFile } from "../state/runtime_file.ts";
import type { Call, Streams } from "./answer.ts";
import { didYouMean } from "./nearest.ts";
import { isReaderThere } from "./reader.ts";
import { option } from "./request_words.ts";
import { reachOf } from "./requests.ts";
import { type Target, targetOf } from "./target.ts";
import { jsonLine, printable } from "./text.ts";
import * as check from "./values.ts";

/** Local time to the millisecond: what the person's other logs have. */
function clock(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
    .map(two).join("-");
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()]
    .map(two).join(":");
  return `${day} ${time}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** The recorded devices as they are now; none if the file cannot be read. */
function recorded({ paths }: Target): readonly DeviceEntry[] {
  if (paths === undefined) return [];
  try {
    const runtime = readRuntimeFile(paths.runtime)?.runtime;
    return runtime === undefined ? [] : [...runtime.disks, ...runtime.nics];
  } catch {
    // Events are worth seeing beside a broken file, too.
    return [];
  }
}

function deviceOf(
  event: QmpEvent,
  entries: readonly DeviceEntry[],
): DeviceEntry | undefined {
  const ids = idsOf(event);
  return entries.find(({ hvinfo }) =>
    hvinfo.id !== undefined && ids.includes(hvinfo.id)
  );
}

function dataText(data: QmpEvent["data"]): string {
  return Object.entries(data)
    .map(([key, value]) =>
      `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`
    ).join(" ");
}

function seconds({ fromMs, toMs }: Gap): string {
  return ((toMs - fromMs) / 1000).toFixed(2);
}

/** A person's line of what was seen. */
function textOf(sight: Sight, entries: readonly DeviceEntry[]): string {
  if (sight.kind === "gap") {
    const { gap } = sight;
    return printable(
      `${clock(gap.toMs)} -- gap of ${
        seconds(gap)
      } s: the monitor was given to ${gap.reason}`,
    );
  }
  const { event } = sight;
  const device = deviceOf(event, entries);
  const words = [
    clock(event.timestampMs),
    event.event,
    ...(device === undefined ? [] : [`[${titleOf(device)}]`]),
    dataText(event.data),
  ];
  return printable(words.join(" ").trimEnd());
}

/** The same for a program: one object. */
function documentOf(sight: Sight, entries: readonly DeviceEntry[]): unknown {
  const time = (ms: number) => new Date(ms).toISOString();
  if (sight.kind === "gap") {
    const { fromMs, toMs, reason } = sight.gap;
    return {
      gap: {
        from: time(fromMs),
        to: time(toMs),
        seconds: (toMs - fromMs) / 1000,
        reason,
      },
    };
  }
  const { event, data, timestampMs } = sight.event;
  const device = deviceOf(sight.event, entries);
  return {
    time: time(timestampMs),
    event,
    data,
    device: device === undefined ? null : {
      kind: device.kind,
      index: device.index,
      uuid: device.uuid ?? null,
      name: device.name ?? null,
      id: device.hvinfo.id ?? null,
    },
  };
}

/** @throws {HotplugError} `unsupported` if this QEMU has no such event */
async function checkEvent(name: string, session: QmpSession): Promise<void> {
  const { events } = await readSchema(session);
  if (events.includes(name)) return;
  throw unsupported(
    `This QEMU has no event ${JSON.stringify(name)}`,
    didYouMean(name, events),
  );
}

function streamsOf({ terminal }: Call): Streams {
  const streams = terminal.streams?.();
  if (streams !== undefined) return streams;
  throw new HotplugError("internal", "events was given no streams");
}

/** Follows a VM's events until a signal, `--until`, `--for`, or its end. */
export async function events(call: Call): Promise<undefined> {
  const { invocation, terminal, trace } = call;
  const target = targetOf(invocation, terminal.env);
  const { timeoutMs } = reachOf(invocation, terminal.env);
  const forMs = option(
    invocation,
    "for",
    (word) => check.secondsAsMs(word, { min: 0 }),
  );
  const deadline = performance.now() + (forMs ?? Infinity);
  const until = invocation.values.get("until")?.toUpperCase();
  const { write } = streamsOf(call);
  const asJson = invocation.flags.has("json");
  const see = async (sight: Sight) => {
    const entries = recorded(target);
    const line = asJson
      ? jsonLine(documentOf(sight, entries))
      : textOf(sight, entries);
    if (await write(line + "\n") === "gone") return "stop";
    const last = sight.kind === "event" && sight.event.event === until;
    return last ? "stop" : "go-on";
  };
  const end = await watch(target.qmp, {
    timeoutMs,
    trace: trace.qmp,
    signal: terminal.signal,
    deadline,
    begin: async (session) => {
      if (until !== undefined) await checkEvent(until, session);
    },
    isWanted: isReaderThere,
    see,
  });
  if (until === undefined || end === "stopped" || end === "aborted") return;
  throw end === "ended"
    ? new HotplugError("not-running", `The VM ended before ${until} came`)
    : new HotplugError(
      "monitor-timeout",
      `${until} did not come within ${(forMs ?? 0) / 1000} s`,
    );
}
