/**
 * Open vSwitch with its datapath in user space, which needs nothing of the
 * kernel but taps: a database, a daemon and sockets of the test's own.
 *
 * @module
 */

import { until } from "../../tools/guest/deadline.ts";
import { WatchedProcess } from "../../tools/guest/process.ts";
import { exists } from "../../tools/guest/run.ts";
import { host } from "./each_release.ts";

const SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema";

/** Debian has the daemons there. */
function daemon(name: string, args: readonly string[]): WatchedProcess {
  const { pid } = new Deno.Command(`/usr/sbin/${name}`, {
    args: [...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  return new WatchedProcess(pid);
}

/** A port of the switch that this node itself uses. */
export interface OwnPort {
  readonly name: string;
  /** Address and length of the prefix. */
  readonly address: string;
  /** VLAN of its frames without a tag. */
  readonly tag?: number;
}

/** By these variables its programs find each other. */
const FOLDERS = ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR"];

/** A running Open vSwitch. Disposing ends it. */
export class OpenVswitch implements AsyncDisposable {
  readonly #daemons: readonly WatchedProcess[];

  private constructor(daemons: readonly WatchedProcess[]) {
    this.#daemons = daemons;
  }

  /**
   * Starts it in this network namespace; `ovs-vsctl` finds it by the
   * environment.
   *
   * @param folder absolute, made
   */
  static async start(folder: string): Promise<OpenVswitch> {
    await Deno.mkdir(folder);
    for (const name of FOLDERS) Deno.env.set(name, folder);
    const [data, socket] = [`${folder}/conf.db`, `${folder}/db.sock`];
    await host("ovsdb-tool", "create", data, SCHEMA);
    const database = daemon("ovsdb-server", [data, `--remote=punix:${socket}`]);
    await until(async () => await exists(socket) || undefined, {
      what: "database of Open vSwitch",
    });
    const daemons = [daemon("ovs-vswitchd", [`unix:${socket}`]), database];
    return new OpenVswitch(daemons);
  }

  /** Runs `ovs-vsctl`. */
  async control(...args: string[]): Promise<string> {
    return await host("ovs-vsctl", "--timeout=20", ...args);
  }

  /** Makes a switch with a port for this node. */
  async addSwitch(name: string, port: OwnPort): Promise<void> {
    const tag = port.tag === undefined ? [] : [`tag=${port.tag}`];
    await this.control(
      ...["--", "add-br", name],
      ...["--", "set", "bridge", name, "datapath_type=netdev"],
      ...["--", "add-port", name, port.name, ...tag],
      ...["--", "set", "interface", port.name, "type=internal"],
    );
    await host("ip", "link", "set", port.name, "up");
    await host("ip", "addr", "add", port.address, "dev", port.name);
  }

  /** Names of a switch's ports. */
  async ports(name: string): Promise<string[]> {
    return (await this.control("list-ports", name)).split("\n").filter(Boolean)
      .sort();
  }

  /** A column of a port, as `ovs-vsctl` writes it. */
  async column(port: string, column: string): Promise<string> {
    return await this.control("get", "port", port, column);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The daemon's taps would outlive it.
    for (const name of (await this.control("list-br")).split("\n")) {
      if (name !== "") await this.control("del-br", name);
    }
    for (const one of this.#daemons) await one.kill();
    // Other test files run in this process.
    for (const name of FOLDERS) Deno.env.delete(name);
  }
}
