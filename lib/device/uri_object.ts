/**
 * The meaning of a storage URI for Ganeti, and its needs on this node.
 *
 * @module
 */

import type { Json } from "../qmp/message.ts";
import { uriNode } from "./storage_uri.ts";

/** Ganeti's object of such a disk: SPEC 2.3 and 5.8. */
export interface UriObject {
  /** Ganeti's word for the kind of storage. */
  readonly devType: string;
  /** Its driver and name. */
  readonly logicalId: readonly string[];
  /** The parameters from which Ganeti makes the URI again. */
  readonly params: Readonly<Record<string, string | number>>;
  /** Whether Ganeti's start makes the same disk from it. */
  readonly reproducible: boolean;
  /** Only a Ganeti newer than 3.1 does. @default any does */
  readonly since?: "newer";
}

/** The values that Ganeti's own patterns accept: SPEC 7.2. */
const RBD_POOL = /^\w+$/;
const RBD_IMAGE = /^[a-z0-9.-]+$/;
const RBD_USER = /^[a-z0-9._-]+$/;
const GLUSTER_HOST = /^[a-z0-9.-]+$/;

/** A disk that Ganeti cannot name: its start refuses the disk by its mode. */
function foreign(uri: string): UriObject {
  const logicalId = ["manual", uri];
  return { devType: "blockdev", logicalId, params: {}, reproducible: false };
}

/**
 * Ganeti's form of the disk of a URI.
 *
 * @throws {HotplugError} `unsupported`
 */
export function uriObject(uri: string): UriObject {
  const { driver, pool, image, user, volume, path, server } = uriNode(uri);
  if (driver === "rbd") {
    return {
      devType: "rbd",
      logicalId: ["rbd", String(image)],
      params: {
        pool: String(pool),
        access: "userspace",
        ...(user === undefined ? {} : { "user-id": String(user) }),
      },
      reproducible: RBD_USER.test(String(user ?? "none")) &&
        RBD_POOL.test(String(pool)) && RBD_IMAGE.test(String(image)),
      // Ganeti 3.1 does not accept a user.
      ...(user === undefined ? {} : { since: "newer" }),
    };
  }
  if (driver !== "gluster") return foreign(uri);
  const [{ host, port } = {}] = server as { host?: string; port?: string }[];
  if (host === undefined || port === undefined) return foreign(uri);
  return {
    devType: "gluster",
    logicalId: ["loop", String(path)],
    params: {
      host,
      port: Number(port),
      volume: String(volume),
      access: "userspace",
    },
    // It accepts a name or IPv4: SPEC 7.2.
    reproducible: GLUSTER_HOST.test(host),
  };
}

const IP = /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$/;

/**
 * The needs of a storage URI where QEMU runs: files to read, sockets to connect
 * to, names to resolve, a part of QEMU that is loaded on demand.
 *
 * @throws {HotplugError} `unsupported`
 */
export function uriNeeds(uri: string) {
  const { driver, server, portal } = uriNode(uri);
  const servers = (Array.isArray(server) ? server : [server ?? {}]) as Json[];
  const hosts = servers.flatMap(({ host }) => host === undefined ? [] : [host])
    .concat(portal === undefined ? [] : [String(portal).replace(/:\d+$/, "")])
    .map((host) => String(host).replace(/^\[|\]$/g, ""));
  return {
    files: driver === "rbd" ? ["/etc/ceph/ceph.conf"] : [],
    sockets: servers.flatMap(({ path }) => path === undefined ? [] : [path])
      .map(String),
    names: hosts.filter((host) => !IP.test(host)),
    module: driver === "nbd" ? undefined : String(driver),
  };
}
