/**
 * A synchronous hash: WebCrypto's hashes are asynchronous. For names only,
 * never against an attacker.
 *
 * @module
 */

/** The FNV-1a hash of a text, 64 bits. */
export function fnv1a(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}
