/**
 * The error of a document that is JSON and no runtime file.
 *
 * @module
 */

/** Where and why; its message goes into that of a HotplugError. */
export class Misfit extends Error {
  /** Kept through the minified build, which renames the class. */
  override readonly name = "Misfit";
}
