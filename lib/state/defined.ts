/**
 * Objects without what is undefined: JSON, and what is compared key by key,
 * tell a member that is undefined from one that is not there.
 *
 * @module
 */

/** The same with every member that could be undefined left out or given. */
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
