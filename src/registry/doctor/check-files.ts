import { dirname } from "node:path";
import { shellQuoted } from "../../settings/command-text.ts";
import { accessProblem, type FileState, fileState, isSystemView } from "../../stores/file-state.ts";
import { findLocker } from "../../stores/neighbour-lock.ts";
import type { CommitState, DocumentState, LockState, RegistryFiles } from "../../stores/registry-files.ts";
import { checkAncestors, checkPermissions, modeText } from "./check-permissions.ts";
import { count, type Finding, fail, ok, repairCommand, warn } from "./finding.ts";

/** Problems of a registry's files, the most important first. */
export async function checkFiles(files: RegistryFiles): Promise<readonly Finding[]> {
  const repair = repairCommand(files.document.path);
  return [
    ...checkDirectory(files.directory),
    ...checkDocument(files, repair),
    checkLock(files.lock, repair),
    ...checkCommits(files.commits, repair),
    await checkNeighbour(files.neighbour),
  ];
}

function checkDirectory(directory: FileState): readonly Finding[] {
  const { path, kind } = directory;
  const found = nearest(directory);
  const elsewhere = "set IRIS_PORT_REGISTRY to a file in a directory that you can write";
  if (found.kind !== "directory") {
    const text = `${found.path} is not a directory that this user may open (${found.code ?? found.kind})`;
    return [fail("directory", text, elsewhere)];
  }
  if (isSystemView(found.path))
    return [fail("directory", `${found.path} shows the state of the system; no file can be made in it`, elsewhere)];
  const code = kind === "missing" ? accessProblem(found) : undefined;
  if (code !== undefined)
    return [fail("directory", `${path} cannot be made: this user may not write ${found.path} (${code})`, elsewhere)];
  const problems = [...checkPermissions("directory", directory), ...checkAncestors("directory", path)];
  if (problems.length > 0) return problems;
  return [
    ok("directory", kind === "missing" ? `${path} is created at the first assignment` : `${path} (${modeText(found)})`),
  ];
}

/** The directory, or the nearest one above it that exists. */
function nearest(directory: FileState): FileState {
  let found = directory;
  while (found.kind === "missing" && found.path !== dirname(found.path)) found = fileState(dirname(found.path));
  return found;
}

function checkDocument({ document, content, commits }: RegistryFiles, repair: string): readonly Finding[] {
  const problems = checkPermissions("document", document);
  switch (content.kind) {
    case "readable":
      return problems.length > 0 ? problems : [ok("document", describeDocument(document, content))];
    case "missing":
      return [missingDocument(document, commits, repair)];
    case "damaged":
      return [
        ...problems,
        warn(
          "document",
          `${document.path} was emptied or half written (${content.reason}); iris-ports goes on from its own last version`,
          "nothing to do: the next change of the registry writes it back",
        ),
      ];
    case "corrupt":
      return [
        ...problems,
        fail(
          "document",
          `${document.path} cannot be read: ${content.reason}`,
          content.wasRegistry ? repair : "check the path: nothing shows that this file ever was a port registry",
        ),
      ];
    case "newer":
      return [
        fail(
          "document",
          `${document.path} has schema_version ${content.schemaVersion}, which is newer than this iris-ports understands`,
          "npm install iris-ports@latest",
        ),
      ];
    case "inaccessible":
      return problems.length > 0 ? problems : [fail("document", content.error.what, content.error.remedy)];
  }
}

function describeDocument(
  document: FileState,
  { document: { assignments }, token }: DocumentState & { kind: "readable" },
) {
  const revision = token === undefined ? "written by another tool" : `revision ${token.revision}`;
  const size = `${Math.ceil((document.stat?.size ?? 0) / 1_000)} kB`;
  return `${document.path}: ${count(assignments.length, "assignment")}, ${revision}, ${size} (${modeText(document)})`;
}

function missingDocument({ path }: FileState, { heads }: CommitState, repair: string): Finding {
  const revision = Math.max(0, ...heads.map((head) => head.revision));
  if (revision === 0) return ok("document", `${path} is created at the first assignment`);
  return warn("document", `${path} is missing, although ${count(revision, "version")} of it existed`, repair);
}

function checkLock({ file, isStale, isObstructed, owner }: LockState, repair: string): Finding {
  const by = owner === undefined ? "an unknown process" : owner;
  if (file.kind === "missing") return ok("lock", "free");
  if (file.kind === "inaccessible")
    return fail("lock", `${file.path} cannot be read (${file.code})`, "fix what is reported about its directory");
  if (file.kind !== "directory" || (isStale && isObstructed))
    return fail("lock", `${file.path} is not a lock and blocks every change of the registry`, repair);
  if (isObstructed) return warn("lock", `${file.path} contains files, so it cannot be released`, repair);
  if (!isStale) return ok("lock", `held at this moment; last taken by ${by}`);
  const since = file.stat?.mtime.toISOString();
  return warn("lock", `${file.path} has not been refreshed since ${since}; last taken by ${by}`, repair);
}

function checkCommits({ file, heads, isPending, leftovers, foreign }: CommitState, repair: string): readonly Finding[] {
  if (file.kind === "missing") return [ok("commits", `${file.path} is created at the first assignment`)];
  if (file.kind === "inaccessible")
    return [fail("commits", `${file.path} cannot be read (${file.code})`, "fix what is reported about its directory")];
  if (file.kind !== "directory")
    return [fail("commits", `${file.path} is not a directory, so the registry cannot be changed`, repair)];
  const nextChange = "nothing to do: the next change of the registry fixes it";
  const problems = [
    ...checkPermissions("commits", file),
    ...(heads.length === 1
      ? []
      : [warn("commits", `${file.path} has ${heads.length || "no"} heads; was it restored by hand?`, nextChange)]),
    ...(isPending ? [warn("commits", "a version was left unpublished by a process that was killed", nextChange)] : []),
    ...(leftovers.length > 0
      ? [warn("commits", `${count(leftovers.length, "file")} of killed processes are left`, repair)]
      : []),
    ...(foreign.length > 0
      ? [
          warn(
            "commits",
            `not put there by iris-ports: ${foreign.join(", ")}`,
            `check it, then: rm ${foreign.map(shellQuoted).join(" ")}`,
          ),
        ]
      : []),
  ];
  return problems.length > 0 ? problems : [ok("commits", `revision ${heads[0]?.revision} (${modeText(file)})`)];
}

async function checkNeighbour(lock: FileState): Promise<Finding> {
  if (process.platform === "win32" || lock.kind === "missing")
    return ok("python tool", "not in use with this registry");
  if (lock.kind !== "file")
    return warn(
      "python tool",
      `${lock.path} is not a file and cannot be locked`,
      `check it, then: rm -r ${shellQuoted(lock.path)}`,
    );
  const code = accessProblem(lock);
  if (code !== undefined)
    return warn("python tool", `this user may not lock ${lock.path} (${code})`, `chmod g+rw ${shellQuoted(lock.path)}`);
  const locker = await findLocker();
  if (locker !== undefined) return ok("python tool", `in use; its lock is taken with ${locker}`);
  const remedy = "install flock (util-linux), perl or python3";
  return warn("python tool", "in use, but no program on this system can take its lock", remedy);
}
