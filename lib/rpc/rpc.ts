/**
 * The `rpc` command: JSON-RPC 2.0, one message a line, on stdin and stdout.
 * Requests for different instances run side by side in this one process.
 *
 * @module
 */

import {
  type Answer,
  type Call,
  type Streams,
  streamsOf,
} from "../commands/answer.ts";
import { type HotplugError, named, refuse } from "../errors.ts";
import { ganetiFailure, isGanetiMethod } from "./ganeti.ts";
import type { Job } from "./invocation.ts";
import { instanceNamed, isDiscovery, jobOf, withInstance } from "./job.ts";
import { KeyedQueue } from "./keyed_queue.ts";
import { jsonLine } from "../words/text.ts";
import { type Line, readLines } from "./lines.ts";
import {
  errorText,
  faultText,
  readRpcLine,
  response,
  resultText,
  RPC_ERRORS,
  type RpcFault,
  type RpcRequest,
} from "./message.ts";

/** A longer line is refused; a request of Ganeti has some kilobytes. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/** With so many unanswered requests no more input is read. */
const MAX_OPEN = 256;

function faultOf(line: Exclude<Line, { kind: "line" }>): string {
  const why = line.kind === "too-long"
    ? `A line must have at most ${MAX_LINE_BYTES} bytes`
    : "A line must be UTF-8 text";
  return faultText(RPC_ERRORS.parse, why);
}

/** Requests with one key are carried out in order. */
function queueKeyOf({ instance, invocation }: Job): string | undefined {
  if (instance === undefined) return undefined;
  return `${instance} ${invocation.values.get("run-dir") ?? ""}`;
}

class Server {
  readonly #call: Call;
  readonly #streams: Streams;
  readonly #queue = new KeyedQueue();
  readonly #output = new KeyedQueue();
  /** Aborted when no more requests are to be started. */
  readonly #end = new AbortController();
  readonly #open = new Set<Promise<void>>();
  #weight = 0;
  /** Why an answer could not be written. */
  #fault: HotplugError | undefined;

  constructor(call: Call, streams: Streams) {
    this.#call = call;
    this.#streams = streams;
  }

  /**
   * Answers until the input ends, the reader has closed the pipe, or a signal
   * came.
   *
   * @throws {HotplugError} `host-error` if an answer could not be written
   */
  async serve(): Promise<void> {
    const { signal } = this.#call.terminal;
    const stop = () => this.#end.abort();
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    try {
      const lines = readLines(this.#streams.input, {
        maxBytes: MAX_LINE_BYTES,
        signal: this.#end.signal,
      });
      for await (const line of lines) {
        this.#accept(line);
        while (this.#weight >= MAX_OPEN) await Promise.race(this.#open);
      }
    } finally {
      await Promise.all(this.#open);
      signal.removeEventListener("abort", stop);
    }
    if (this.#fault !== undefined) throw this.#fault;
  }

  #accept(line: Line) {
    if (line.kind !== "line") return this.#track(1, this.#write(faultOf(line)));
    if (line.text.trim() === "") return;
    const { form, messages } = readRpcLine(line.text);
    const answers = messages.map((one) => this.#answer(one));
    const answered = Promise.all(answers).then((all) => {
      const texts = all.filter((text) => text !== undefined);
      if (texts.length === 0) return;
      const [first = ""] = texts;
      return this.#write(form === "single" ? first : `[${texts.join(",")}]`);
    });
    this.#track(messages.length, answered);
  }

  #track(weight: number, work: Promise<void>) {
    this.#weight += weight;
    const tracked = work.finally(() => {
      this.#weight -= weight;
      this.#open.delete(tracked);
    });
    this.#open.add(tracked);
  }

  /** Whole lines, one after the other. */
  async #write(line: string): Promise<void> {
    const { write } = this.#streams;
    try {
      const written = await this.#output.run("", () => write(line + "\n"));
      // If its reader has gone, further requests are useless: promise 7.
      if (written === "gone") this.#end.abort();
    } catch (error) {
      this.#fault ??= named(error);
      this.#end.abort();
    }
  }

  async #answer(message: RpcRequest | RpcFault): Promise<string | undefined> {
    if ("answer" in message) return message.answer;
    const text = await this.#respond(message);
    return message.id === undefined ? undefined : text;
  }

  async #respond(request: RpcRequest): Promise<string> {
    const { id = "null" } = request;
    let job: Job | undefined;
    try {
      if (isDiscovery(request, this.#call.invocation)) {
        const { openRpc } = await import("./discover.ts");
        return response(id, `"result":${jsonLine(await openRpc())}`);
      }
      const read = jobOf(request, this.#call.invocation);
      if ("code" in read) return errorText(id, read);
      job = read;
      const whole = job = withInstance(read, this.#call.terminal.env);
      const run = () => this.#perform(whole);
      return resultText(id, await this.#queue.run(queueKeyOf(whole), run));
    } catch (failure) {
      const error = named(failure);
      const more = isGanetiMethod(request.method)
        ? ganetiFailure(request.method, error)
        : {};
      const instance = job === undefined
        ? instanceNamed(request)
        : job.instance;
      return errorText(id, { error, instance, more });
    }
  }

  async #perform(
    { invocation, act }: Job,
  ): Promise<Pick<Answer, "document" | "warnings" | "isVerbatim">> {
    if (this.#end.signal.aborted) {
      throw refuse("Not started: kvm-hotplug rpc was told to end");
    }
    const done = await this.#call.perform(invocation, { act });
    if (done?.fault !== undefined) throw done.fault;
    return done ?? { document: { ok: true } };
  }
}

/**
 * Serves a master.
 *
 * @throws {HotplugError} `internal` if there is no standard input,
 * `host-error` if an answer could not be written
 */
export async function rpc(call: Call): Promise<undefined> {
  await new Server(call, streamsOf(call)).serve();
}
