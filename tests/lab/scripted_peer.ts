/**
 * A scripted QEMU at the process boundary: a real unix listener that speaks
 * QMP, serves one client at a time as QEMU does, and misbehaves as told.
 *
 * @module
 */

import type { Fd } from "../../lib/sys/fd.ts";
import { POLL } from "../../lib/sys/layout.ts";
import { poll, pollSync, WakeUp } from "../../lib/sys/poll.ts";
import { receiveMessage } from "./receive_message.ts";
import { UnixListener } from "./unix_listener.ts";
import type { UnixSocket } from "../../lib/sys/unix_socket.ts";
import {
  type Behaviour,
  type Call,
  deviceDeleted,
  event,
  GREETING,
  type Guest,
  type Rule,
} from "./scripted_behaviour.ts";
import { sendInParts } from "./scripted_wire.ts";
import { type Json, ModelRefusal, ScriptedModel } from "./scripted_model.ts";

const FOREVER_MS = 2 ** 30;
const encoder = new TextEncoder();

function line(message: Json): string {
  return `${JSON.stringify(message)}\r\n`;
}

/** Owns the listener, the connection and the model. */
export class ScriptedPeer implements AsyncDisposable {
  readonly model: ScriptedModel;
  /** Every command, in order, over all connections. */
  readonly calls: Call[] = [];
  guest: Guest = "releases";
  /** Sent to a client as it is accepted; null: nothing. */
  greeting: string | Uint8Array | null = line(GREETING);
  /** Bytes of one write; the next waits until they were read. */
  bytesPerWrite = Infinity;
  /** Whether a client is sent away as it comes. */
  closeOnAccept = false;
  /** How many connections were accepted. */
  connections = 0;
  readonly #rules = new Map<string, Rule[]>();
  readonly #listener: UnixListener;
  readonly #stop = new WakeUp();
  readonly #served: Promise<void>;
  #client: UnixSocket | undefined;
  #pendingFd: Fd | undefined;
  #held = "";
  #dead = false;
  #idle = Promise.withResolvers<void>();

  /**
   * @param path where the socket is made
   * @param model what it has; the peer's from now on
   */
  constructor(path: string, model: ScriptedModel = new ScriptedModel()) {
    this.model = model;
    this.#listener = UnixListener.bind(path);
    this.#served = this.#serve();
  }

  /** Changes how the next such command is met; may be said several times. */
  once(command: string, rule: Rule): void {
    this.#rules.set(command, [...this.#rules.get(command) ?? [], rule]);
  }

  /** The commands that change something, in order. */
  changes(): string[] {
    return this.calls.map((call) => call.command)
      .filter((name) => !/^(x-debug-query|query|qom|human|qmp)/.test(name));
  }

  /** The only call of a command. */
  call(command: string): Call {
    const [call, second] = this.calls.filter((one) => one.command === command);
    if (call !== undefined && second === undefined) return call;
    throw new Error(`${command} was not called once`);
  }

  /** Sends an event to whoever is connected. */
  async emit(...events: readonly Json[]): Promise<void> {
    await this.#write(events.map(line).join(""));
  }

  /** The guest gives a device up at last. */
  async release(id: string): Promise<void> {
    this.model.devices.delete(id);
    await this.emit(...deviceDeleted(id));
  }

  /** Returns when nobody is connected any more. */
  async idle(): Promise<void> {
    if (this.#client !== undefined) await this.#idle.promise;
  }

  /** Ends the connection and the listener: QEMU is gone. */
  async die(): Promise<void> {
    this.#dead = true;
    this.#stop.wake();
    await this.#served;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.die();
    this.#stop[Symbol.dispose]();
  }

  async #serve(): Promise<void> {
    while (!this.#dead && await this.#readable(this.#listener.fd)) {
      this.#client = await this.#listener.accept({ timeoutMs: 0 });
      this.#idle = Promise.withResolvers();
      this.connections++;
      await this.#talk(this.#client);
      this.#held = "";
      // First of all: nobody is to get in once the client sees its end.
      if (this.#dead) this.#end();
      this.#client.close();
      this.#client = undefined;
      this.#idle.resolve();
    }
    this.#end();
  }

  /** What the kernel closes when a process ends. */
  #end(): void {
    this.#listener.close();
    this.model[Symbol.dispose]();
  }

  /** False when it is time to stop. */
  async #readable(fd: Fd): Promise<boolean> {
    const requests = [fd, this.#stop.fd].map((one) => ({
      fd: one,
      events: POLL.IN,
    }));
    const [ready, stopped] = await poll(requests, FOREVER_MS);
    return !stopped && Boolean(ready);
  }

  async #talk(client: UnixSocket): Promise<void> {
    try {
      if (this.closeOnAccept) return;
      if (this.greeting !== null) await this.#write(this.greeting);
      let rest = "";
      while (await this.#readable(client.fd)) {
        const buffer = new Uint8Array(65536);
        const got = receiveMessage(client.fd, buffer);
        if (got === "would-block") continue;
        if (got.bytes === 0) return;
        this.#takeFds(got.fds);
        rest += new TextDecoder().decode(buffer.subarray(0, got.bytes));
        const lines = rest.split("\n");
        rest = lines.pop() ?? "";
        for (const one of lines) {
          if (await this.#answer(one, got.fds.length) === "end") return;
        }
      }
    } catch (error) {
      // The client went away in the middle of an answer, as clients do.
      if (!/EPIPE|ECONNRESET/.test(String(error))) throw error;
    } finally {
      this.#pendingFd?.close();
      this.#pendingFd = undefined;
    }
  }

  /** A new batch closes the old one; of several fds one counts. */
  #takeFds([first, ...more]: readonly Fd[]): void {
    if (first !== undefined) {
      this.#pendingFd?.close();
      this.#pendingFd = first;
    }
    for (const fd of more) fd.close();
  }

  async #answer(text: string, fds: number): Promise<"go on" | "end"> {
    const message = JSON.parse(text);
    const { execute: command, arguments: args = {}, id } = message;
    const call: Call = { command, args, id, fds };
    this.calls.push(call);
    const behaviour = this.#behaviour(call);
    behaviour.meanwhile?.(call);
    if (behaviour.close === "before-reply") return "end";
    if (behaviour.close === "die") {
      this.#dead = true;
      return "end";
    }
    const output = this.#output(call, behaviour);
    if (output.length > 0) await this.#write(output);
    await this.#pour(behaviour.flood ?? []);
    return behaviour.close === "after-reply" ? "end" : "go on";
  }

  #behaviour(call: Call): Behaviour {
    const rule = this.#rules.get(call.command)?.shift();
    return (typeof rule === "function" ? rule(call) : rule) ?? {};
  }

  #output(call: Call, behaviour: Behaviour): string | Uint8Array {
    const held = this.#held;
    this.#held = "";
    const { before = [], after = [], reply = "sent", raw } = behaviour;
    const answer = line({ ...this.#carryOut(call, behaviour), id: call.id });
    const { refuse, carryOut = "yes", guest = "after" } = behaviour;
    const reached = refuse === undefined && carryOut === "yes";
    const guests = reached ? this.#guestEvents(call) : [];
    if (raw instanceof Uint8Array) return raw;
    if (reply === "late") this.#held = answer;
    const shown = reply === "sent" ? raw ?? answer : "";
    const first = guest === "before" ? [...before, ...guests] : before;
    const last = guest === "before" ? after : [...guests, ...after];
    return held + first.map(line).join("") + shown + last.map(line).join("");
  }

  #carryOut(call: Call, behaviour: Behaviour): Json {
    const { refuse, carryOut = "yes", value } = behaviour;
    const takesFd = ["getfd", "add-fd"].includes(call.command);
    const fd = takesFd ? this.#pendingFd : undefined;
    if (takesFd) this.#pendingFd = undefined;
    if (refuse !== undefined || carryOut === "no") {
      fd?.close();
      return refuse ? { error: refuse } : { return: value ?? {} };
    }
    try {
      const result = this.model.carryOut(call.command, call.args, fd);
      return { return: value ?? result };
    } catch (error) {
      if (!(error instanceof ModelRefusal)) throw error;
      return { error: { class: error.class, desc: error.message } };
    }
  }

  /** What the guest answers to a device_del that reached it. */
  #guestEvents({ command, args }: Call): Json[] {
    const id = String(args.id);
    if (command !== "device_del" || !this.model.devices.has(id)) return [];
    if (this.guest === "is silent") return [];
    if (this.guest === "refuses") {
      const path = `/machine/peripheral/${id}`;
      return [event("DEVICE_UNPLUG_GUEST_ERROR", { device: id, path })];
    }
    this.model.devices.delete(id);
    return deviceDeleted(id);
  }

  async #pour(flood: Iterable<readonly Json[]>): Promise<void> {
    let last: readonly Json[] = [];
    let text = "";
    for (const batch of flood) {
      if (batch !== last) text = batch.map(line).join("");
      last = batch;
      await this.#write(text);
      const fd = this.#client?.fd;
      const [asked] = fd ? pollSync([{ fd, events: POLL.IN }], 0) : [1];
      if (asked) return;
    }
  }

  async #write(output: string | Uint8Array): Promise<void> {
    const bytes = typeof output === "string" ? encoder.encode(output) : output;
    if (this.#client === undefined) return;
    await sendInParts(this.#client, bytes, this.bytesPerWrite);
  }
}
