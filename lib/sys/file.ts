/**
 * Files: opening, asking, reading, writing, locking, and changes of
 * directories.
 *
 * @module
 */

export * from "./file_data.ts";
export * from "./file_lock.ts";
export * from "./file_open.ts";
export * from "./file_path.ts";
export * from "./file_status.ts";
export * from "./file_within.ts";
