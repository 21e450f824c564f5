/**
 * A node of Ganeti's: the code of its own node daemon, in a virtual cluster
 * below a temporary folder, with one instance whose QEMU is ours.
 *
 * @module
 */

import { findGaneti, type Ganeti } from "../../tools/guest/ganeti.ts";
import type { QemuRelease } from "../../tools/guest/types.ts";
import { LineProcess } from "./line_process.ts";

/** Some JSON object. */
// deno-lint-ignore no-explicit-any -- a test reads it as it likes
export type Doc = any;

/** Ganeti, or why tests beside it are left out. */
export async function witness(): Promise<
  { ganeti: Ganeti | undefined; leftOut: string | undefined }
> {
  const log = (line: string) => console.error(`setup: ${line}`);
  const ganeti = await findGaneti(log);
  return { ganeti, leftOut: ganeti ? undefined : "no Ganeti" };
}

const SCRIPT = new URL("noded.py", import.meta.url).pathname;

/** What has noded call kvm-hotplug: for PYTHONPATH. */
const SHIM = new URL("../../integrations/ganeti", import.meta.url).pathname;

/** A node daemon that is other than plain. */
export interface NodedOptions {
  /** With integrations/ganeti, which takes this for the executable. */
  readonly hotplugBy?: string | undefined;
  /** Runs the daemon, whose words follow. @default none */
  readonly inside?: readonly string[];
}

/** Its environment, in a virtual cluster. */
export function nodedEnvironment(
  { modules }: Ganeti,
  root: string,
  { hotplugBy }: NodedOptions = {},
): Record<string, string> {
  const env = {
    PYTHONPATH: modules,
    PYTHONDONTWRITEBYTECODE: "1",
    GANETI_ROOTDIR: root,
    GANETI_HOSTNAME: root.slice(root.lastIndexOf("/") + 1),
  };
  if (hotplugBy === undefined) return env;
  const path = `${SHIM}:${modules}`;
  return { ...env, PYTHONPATH: path, KVM_HOTPLUG: hotplugBy };
}

/** Owns Ganeti's node daemon. */
export class Noded implements AsyncDisposable {
  readonly #process: LineProcess;

  /** @param root the virtual cluster's, whose last part is the host's name */
  constructor(ganeti: Ganeti, root: string, options: NodedOptions = {}) {
    const { inside = [] } = options;
    const words = [...inside, ganeti.python, SCRIPT, ganeti.ifup];
    const [program = "", ...args] = words;
    const env = nodedEnvironment(ganeti, root, options);
    this.#process = new LineProcess(program, { args, env });
  }

  /** The daemon's answer: `[true, payload]` or `[false, "text"]`. */
  async call(procedure: string, params: unknown): Promise<Doc> {
    return await this.#process.ask([procedure, JSON.stringify(params)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
  }
}

const SAMPLE = new URL(
  "../testdata/rpc/rpc-request-hotplug_supported.json",
  import.meta.url,
);

/** The Instance a master would send: Ganeti's own, for this VM. */
export function instanceObject(
  name: string,
  release: QemuRelease,
  changes: Doc = {},
): Doc {
  const [instance] = JSON.parse(Deno.readTextFileSync(SAMPLE));
  const hvparams = { ...instance.hvparams, kvm_path: release.binary };
  return { ...instance, hvparams, name, nics: [], disks_info: [], ...changes };
}

/** A Disk as a master sends it, whose image is a file. */
export function fileDisk(uuid: string, path: string, index: number): Doc {
  return {
    dev_type: "file",
    logical_id: ["loop", path],
    iv_name: `disk/${index}`,
    size: 8,
    mode: "rw",
    params: {},
    serial_no: 1,
    uuid,
    ctime: 1700000000.5,
    mtime: 1700000000.5,
    dynamic_params: {},
  };
}

/** A NIC as a master sends it. */
export function bridgedNic(uuid: string, mac: string, link: string): Doc {
  const nicparams = { mode: "bridged", link, vlan: "" };
  return { mac, nicparams, uuid };
}
