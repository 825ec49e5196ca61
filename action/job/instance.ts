import { createHash } from "node:crypto";

/** Leaves room in the 100 characters of an instance for what may be appended. */
const LONGEST = 70;

/**
 * The instance of a job that names none: the values of its matrix and what tells this use of the action from others of
 * the job, e.g. `latest-em_api`. Two legs, or two uses, never get the same instance: if the values have characters that an
 * instance cannot have, or could be read in two ways, a digest of all values is appended.
 * @param action - `GITHUB_ACTION`: `__org_iris-ports`, `__org_iris-ports_2`, or the step's id
 */
export function defaultInstance(matrix: unknown, action: string): string | undefined {
  const parts = [...valuesOf(matrix), ...useOf(action)];
  if (parts.length === 0) return undefined;
  const words = parts.map(wordOf);
  const name = words
    .filter(Boolean)
    .join("_")
    .slice(0, LONGEST)
    .replace(/[-._]+$/, "");
  // Underscores join the parts, so a part with an underscore in it, or an empty one, would make the name ambiguous.
  const isExact = name === parts.join("_") && !parts.some((part) => part.includes("_") || part === "");
  return isExact ? name : `${name || "leg"}-${digestOf(parts)}`;
}

/**
 * The instance for the `use`-th use in this job that would have the same one, beside `job - 1` other jobs that hold it.
 * Steps run in order, so a use gets the same instance in every run.
 */
export function otherInstance(instance: string | undefined, use: number, job: number): string | undefined {
  const ofUse = use === 1 ? instance : [instance, `use${use}`].filter((part) => part !== undefined).join("_");
  if (job === 1) return ofUse;
  return ofUse === undefined ? `job${job}` : `${ofUse}-job${job}`;
}

function valuesOf(matrix: unknown): string[] {
  if (matrix === null || matrix === undefined) return [];
  if (typeof matrix !== "object") return [textOf(matrix)];
  return Object.values(matrix).map(textOf);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What the runner or the workflow calls this use: nothing for the first without an id. */
function useOf(action: string): string[] {
  const names = action.split(".").map((name) => {
    if (!name.startsWith("__")) return name;
    const [, number] = /_(\d+)$/.exec(name) ?? [];
    return number === undefined ? "" : `use${number}`;
  });
  const use = names.filter(Boolean).join(".");
  return use === "" ? [] : [use];
}

function wordOf(part: string): string {
  return part.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replace(/^[^A-Za-z0-9]+/, "");
}

function digestOf(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 8);
}
