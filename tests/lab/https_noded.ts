/**
 * Ganeti's node daemon whole, as the package starts it, over HTTPS.
 *
 * @module
 */

import { until } from "../../tools/guest/deadline.ts";
import type { Ganeti } from "../../tools/guest/ganeti.ts";
import { run } from "../../tools/guest/run.ts";
import { type Doc, nodedEnvironment, type NodedOptions } from "./noded.ts";

/** RFC 6335: not one of the system's; the namespace is the test's own. */
const PORT = 1811;

/** The cluster's certificate: before there is a map of candidates, both sides
 * have this one. */
async function makeCertificate(path: string): Promise<string> {
  await run("openssl", [
    ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"],
    ...["-subj", "/CN=node1", "-addext", "subjectAltName=IP:127.0.0.1"],
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
    ...["-keyout", path, "-out", `${path}.cert`],
  ]);
  const cert = await Deno.readTextFile(`${path}.cert`);
  await Deno.writeTextFile(path, cert, { append: true });
  return cert;
}

/** Users and groups that the package makes; here only the daemon sees them. */
const USERS = ["masterd", "confd", "luxid", "rapi", "metad"];
const GROUPS = [...USERS, "daemons", "admin"];

/** Words that run a program where Ganeti's users exist. */
async function withUsers(folder: string): Promise<string[]> {
  const known = {
    passwd: USERS.map((name, i) =>
      `gnt-${name}:x:${990 - i}:${990 - i}::/:/bin/false`
    ),
    group: GROUPS.map((name, i) => `gnt-${name}:x:${990 - i}:`),
  };
  const mounts: string[] = [];
  for (const [name, lines] of Object.entries(known)) {
    const text = await Deno.readTextFile(`/etc/${name}`);
    await Deno.writeTextFile(`${folder}/${name}`, text + lines.join("\n"));
    mounts.push(`mount --bind ${folder}/${name} /etc/${name}`);
  }
  const script = `${mounts.join(" && ")} && exec "$@"`;
  return ["--mount", "sh", "-c", script, "sh"];
}

/** Owns the daemon. */
export class HttpsNoded implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  /** The cluster's certificate and its key: ours, too. */
  readonly #tls: { cert: string; key: string };

  private constructor(
    process: Deno.ChildProcess,
    tls: { cert: string; key: string },
  ) {
    this.#process = process;
    this.#tls = tls;
  }

  /** Starts the daemon in a virtual cluster, and waits until it listens. */
  static async start(
    ganeti: Ganeti,
    root: string,
    options: NodedOptions,
  ): Promise<HttpsNoded> {
    const [data, log] = [`${root}/var/lib/ganeti`, `${root}/var/log/ganeti`];
    for (const folder of [`${data}/queue`, log]) {
      await Deno.mkdir(folder, { recursive: true });
    }
    const pem = `${data}/server.pem`;
    const cert = await makeCertificate(pem);
    const process = new Deno.Command("unshare", {
      args: [
        ...await withUsers(data),
        ...[ganeti.python, `${ganeti.modules}/ganeti-noded`],
        ...["-f", "--no-mlock"],
        ...["-p", `${PORT}`, "-b", "127.0.0.1"],
      ],
      env: nodedEnvironment(ganeti, root, options),
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    const key = await Deno.readTextFile(pem);
    const noded = new HttpsNoded(process, { cert, key });
    await until(async () => {
      try {
        using _ = await Deno.connect({ hostname: "127.0.0.1", port: PORT });
        return true;
      } catch {
        return undefined;
      }
    }, { what: "the node daemon" });
    return noded;
  }

  /** Posts a request, as a master does. */
  async call(procedure: string, params: unknown): Promise<Doc> {
    const { cert, key } = this.#tls;
    // A client for each call: the daemon resumes no TLS session.
    using client = Deno.createHttpClient({ caCerts: [cert], cert, key });
    const answer = await fetch(`https://127.0.0.1:${PORT}/${procedure}`, {
      method: "POST",
      body: JSON.stringify(params),
      headers: { "Content-Type": "application/json" },
      client,
    });
    return await answer.json();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.status;
  }
}
