import { expect } from "vitest";

const PROTOTYPES = [Object.prototype, Array.prototype, Function.prototype, String.prototype, Map.prototype];
const keysOf = () => PROTOTYPES.map((prototype) => Reflect.ownKeys(prototype).length);
const CLEAN = keysOf();

/** Nothing from outside has become a property of every object. */
export function expectCleanPrototypes(): void {
  const now = keysOf();
  if (now.some((count, index) => count !== CLEAN[index])) expect(now, "a prototype was polluted").toEqual(CLEAN);
}
