/**
 * Headers of qcow2 images, good and bad: docs/interop/qcow2.rst of QEMU.
 *
 * @module
 */

/** What a header says. */
export interface Qcow2Spec {
  readonly version?: number;
  readonly sizeBytes?: number;
  readonly clusterBits?: number;
  readonly crypt?: number;
  readonly features?: bigint;
  readonly backing?: {
    readonly name: string;
    readonly format?: string | undefined;
  };
  readonly extensions?: readonly {
    readonly kind: number;
    readonly text: string;
  }[];
}

const FORMAT = 0xe2792aca;

/** The first 64 KiB of such an image. */
export function qcow2Header(spec: Qcow2Spec): Uint8Array<ArrayBuffer> {
  const { version = 3, backing, extensions = [] } = spec;
  const bytes = new Uint8Array(new ArrayBuffer(65_536));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x514649fb);
  view.setUint32(4, version);
  view.setUint32(20, spec.clusterBits ?? 16);
  view.setBigUint64(24, BigInt(spec.sizeBytes ?? 8 * 1024 * 1024));
  view.setUint32(32, spec.crypt ?? 0);
  let at = version === 2 ? 72 : 104;
  if (version !== 2) {
    view.setBigUint64(72, spec.features ?? 0n);
    view.setUint32(100, at);
  }
  const format = backing?.format;
  const all = format === undefined
    ? extensions
    : [{ kind: FORMAT, text: format }, ...extensions];
  for (const { kind, text } of all) {
    view.setUint32(at, kind);
    view.setUint32(at + 4, text.length);
    bytes.set(new TextEncoder().encode(text), at + 8);
    at += 8 + Math.ceil(text.length / 8) * 8;
  }
  at += 8;
  if (backing !== undefined) {
    view.setBigUint64(8, BigInt(at));
    view.setUint32(16, backing.name.length);
    bytes.set(new TextEncoder().encode(backing.name), at);
  }
  return bytes;
}
