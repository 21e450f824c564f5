/**
 * Objects without undefined members: JSON, and a comparison key by key,
 * distinguish an undefined member from a missing one.
 *
 * @module
 */

/**
 * The same type; every member that could be undefined is optional and defined.
 */
export type Defined<T> =
  & { [K in keyof T as undefined extends T[K] ? never : K]: T[K] }
  & {
    [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<
      T[K],
      undefined
    >;
  };

/** The members that are not undefined, in their order. */
export function defined<T extends object>(members: T): Defined<T> {
  const given = Object.entries(members).filter(([, one]) => one !== undefined);
  return Object.fromEntries(given) as Defined<T>;
}
