/**
 * The `events` command: a VM's events as they come.
 *
 * @module
 */

import { HotplugError, unsupported } from "../errors.ts";
import { readSchema } from "../monitor/raw_command.ts";
import { EventFollower, type EventOrGap } from "../monitor/follow.ts";
import type { QmpSession } from "../qmp/client.ts";
import type { Call, Streams } from "./answer.ts";
import { documentLine } from "./document.ts";
import { didYouMean } from "../words/nearest.ts";
import { isReaderThere } from "./reader.ts";
import { option } from "../words/request_words.ts";
import { reachOf } from "./requests.ts";
import { documentOf, recorded, recordFault, textOf } from "./event_text.ts";
import { targetOf } from "./target.ts";
import { maskSecrets } from "../words/secrets.ts";
import { printable } from "../words/text.ts";
import * as check from "../words/values.ts";
import { isFollower } from "./follower.ts";

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
  const reach = reachOf(invocation, terminal.env);
  const target = targetOf(invocation, reach);
  const forMs = option(
    invocation,
    "for",
    (word) => check.secondsAsMs(word, { min: 0 }),
  );
  const deadline = performance.now() + (forMs ?? Infinity);
  const until = invocation.values.get("until")?.toUpperCase();
  const { write } = streamsOf(call);
  const asJson = invocation.flags.has("json");
  const see = async (seen: EventOrGap) => {
    const entries = recorded(target);
    const line = asJson
      ? documentLine(documentOf(seen, entries, target.label))
      : maskSecrets(textOf(seen, entries));
    if (await write(line + "\n") === "gone") return "stop";
    const last = seen.kind === "event" && seen.event.event === until;
    return last ? "stop" : "go-on";
  };
  const follower = new EventFollower(target.paths.qmp, {
    timeoutMs: reach.timeoutMs,
    trace: trace.qmp,
    signal: terminal.signal,
    deadline,
    begin: async (session) => {
      if (until !== undefined) await checkEvent(until, session);
      const fault = recordFault(target);
      if (fault) terminal.err(printable(`warning: ${fault}`) + "\n");
    },
    isFollower,
    isWanted: isReaderThere,
    see,
  });
  const end = await follower.run();
  if (until === undefined || end === "stopped" || end === "aborted") return;
  throw end === "vm-ended"
    ? new HotplugError("not-running", `The VM ended before ${until} came`)
    : new HotplugError(
      "monitor-timeout",
      `${until} did not come within ${(forMs ?? 0) / 1000} s`,
    );
}
