import { randomBytes, scrypt } from "node:crypto";
import { promisify } from "node:util";
import { joinCpfMerges } from "../iris/cpf-merge.ts";
import { IRIS_CPF_MERGE_PATH, IRIS_LICENSE_KEY_PATH } from "../iris/image.ts";

/** One part of a container's configuration. */
export type Part = {
  /** Its key in the labels of containers, which must stay the same in later versions: `network`, `login as _system`. */
  readonly name: string;
  /** Its name in messages: `login (user _system)`. @default `name` */
  readonly displayName?: string;
  readonly value: unknown;
  /** The image's own value; a part with this value is not noted. */
  readonly isDefault?: boolean;
};

/** The environment of a container as parts of its configuration. */
export function environmentParts(environment: Readonly<Record<string, string>>): readonly Part[] {
  return Object.entries(environment).map(([name, value]) => ({ name: `value of ${name}`, value }));
}

/**
 * A file of IRIS's configuration as a part of it, in whatever way it gets into the container; undefined for another file.
 * @param path where it is in the container
 */
export function configurationPart(path: string, read: () => string): Part | undefined {
  if (path === IRIS_LICENSE_KEY_PATH) return { name: "licence key", value: read().trim() };
  return path === IRIS_CPF_MERGE_PATH ? { name: "CPF merge file", value: joinCpfMerges([read()]) } : undefined;
}

// Slow enough (about 3 ms) that passwords cannot be guessed from a label by the million, and fast enough for a start.
const COST = { N: 2 ** 10, r: 8, p: 1 };
const DIGEST_BYTES = 9;
const derive = promisify<string, Buffer, number, typeof COST, Buffer>(scrypt);

/** The configuration of a container as a label: `{"salt": ..., "<name>": <digest>}`; undefined if there is none. */
export async function fingerprint(parts: readonly Part[]): Promise<string | undefined> {
  const noted = parts.filter((part) => !part.isDefault);
  if (noted.length === 0) return undefined;
  const salt = randomBytes(DIGEST_BYTES);
  const digests = await Promise.all(noted.map(async ({ name, value }) => [name, await digest(value, salt)] as const));
  return JSON.stringify({ salt: salt.toString("base64"), ...Object.fromEntries(digests) });
}

/**
 * The display names of the requested parts that differ from a container with this label. Parts that are not requested are not
 * compared, so a request for less than the container has is fulfilled.
 */
export async function differingParts(label: string | undefined, parts: readonly Part[]): Promise<readonly string[]> {
  const noted = parseLabel(label);
  const salt = Buffer.from(noted.get("salt") ?? "", "base64");
  const differs = await Promise.all(
    parts.map(async ({ name, value, isDefault }) => {
      const has = noted.get(name);
      return has === undefined ? !isDefault : has !== (await digest(value, salt));
    }),
  );
  return parts.filter((_, index) => differs[index]).map(({ name, displayName = name }) => displayName);
}

async function digest(value: unknown, salt: Buffer): Promise<string> {
  return (await derive(JSON.stringify(value), salt, DIGEST_BYTES, COST)).toString("base64");
}

/** An unreadable label counts as empty. */
function parseLabel(label: string | undefined): ReadonlyMap<string, string> {
  if (label === undefined) return new Map();
  try {
    const parsed: unknown = JSON.parse(label);
    return new Map(Object.entries(parsed ?? {}).filter(([, value]) => typeof value === "string"));
  } catch (error) {
    if (error instanceof SyntaxError) return new Map();
    throw error;
  }
}
