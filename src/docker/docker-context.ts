import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import createDebug from "debug";
import { ContainerEngineError } from "../errors/errors.ts";

const debug = createDebug("iris-ports:docker");

/** An engine in the docker CLI's context store. */
export type DockerContext = {
  readonly name: string;
  /** As in `DOCKER_HOST`. */
  readonly host: string;
  readonly isTlsVerified: boolean;
  /** The directory with ca.pem, cert.pem and key.pem, if the context has them. */
  readonly certDirectory: string | undefined;
};

/**
 * The docker CLI's current context; undefined if it is the default one, or the configured one does not exist: the
 * configuration of another machine may be mounted into a container.
 *
 * @param wanted - the name from `DOCKER_CONTEXT`, which wins over the configured one
 * @throws ContainerEngineError when that one does not exist
 * @see https://docs.docker.com/engine/manage-resources/contexts/
 */
export function currentDockerContext(configDirectory: string, wanted?: string): DockerContext | undefined {
  const name = wanted || property(readJson(join(configDirectory, "config.json")), "currentContext");
  if (typeof name !== "string" || name === "" || name === "default") return undefined;
  const id = createHash("sha256").update(name).digest("hex");
  const meta = readJson(join(configDirectory, "contexts", "meta", id, "meta.json"));
  const docker = property(property(meta, "Endpoints"), "docker");
  const host = property(docker, "Host");
  if (typeof host !== "string" || host === "") {
    if (wanted) throw missingContext(wanted);
    debug("the current docker context %o names no engine; looking for the default sockets", name);
    return undefined;
  }
  const certDirectory = join(configDirectory, "contexts", "tls", id, "docker");
  return {
    name,
    host,
    isTlsVerified: property(docker, "SkipTLSVerify") !== true,
    certDirectory: existsSync(certDirectory) ? certDirectory : undefined,
  };
}

function missingContext(name: string): ContainerEngineError {
  return new ContainerEngineError({
    what: `The docker context ${JSON.stringify(name)} (DOCKER_CONTEXT) does not exist, or names no engine.`,
    remedy: "list the contexts with `docker context ls`, and correct or unset DOCKER_CONTEXT",
  });
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    debug("%s: %s", path, error);
    return undefined;
  }
}

function property(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
