import { assertEquals } from "@std/assert";
import { isSamePlace, PLACES } from "../../lib/vcpu/places.ts";

Deno.test("isSamePlace() compares the props of both", () => {
  const one = { "socket-id": 0, "core-id": 1 };
  const more = { ...one, "node-id": 0 };
  assertEquals(isSamePlace(one, { "core-id": 1, "socket-id": 0 }), true);
  assertEquals(isSamePlace(one, { ...one, "core-id": 2 }), false);
  assertEquals(isSamePlace(one, more), false);
  assertEquals(isSamePlace(more, one), false);
});

Deno.test("places are in the order of the levels, from the outside in", () => {
  const levels = [
    ...["drawer-id", "book-id", "socket-id", "die-id", "cluster-id"],
    ...["module-id", "core-id", "thread-id"],
  ];
  const told = levels.map((_, at) => ({
    type: "x-cpu",
    "vcpus-count": 1,
    // The further in, the larger the number at that level.
    props: Object.fromEntries(
      levels.map((level, k) => [level, k === at ? 1 : 0]).reverse(),
    ),
  }));
  const places = PLACES.read(told);
  assertEquals(
    places.map(({ props }) => levels.find((level) => props[level] === 1)),
    levels.toReversed(),
  );
  for (const { props } of places) assertEquals(Object.keys(props), levels);
});

Deno.test("places lack a level that QEMU does not tell of", () => {
  const told = (...props: Record<string, unknown>[]) =>
    PLACES.read(props.map((one) => ({ type: "x-cpu", props: one })))
      .map(({ props }) => props);
  // A level that is not told counts as 0.
  assertEquals(told({ "core-id": 1, "die-id": 0 }, { "core-id": 0 }), [
    { "core-id": 0 },
    { "die-id": 0, "core-id": 1 },
  ]);
  assertEquals(told({ "die-id": 1, "core-id": 0 }, { "core-id": 1 }), [
    { "core-id": 1 },
    { "die-id": 1, "core-id": 0 },
  ]);
  // Only numbers are places.
  assertEquals(told({ "core-id": "1", "die-id": 1.5, "socket-id": 2 }), [
    { "socket-id": 2 },
  ]);
});
