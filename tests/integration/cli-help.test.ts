import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { BIN } from "../helpers/cli.ts";

const run = (...args: string[]) => spawnSync(process.execPath, [BIN, ...args], { encoding: "utf8" });

describe("iris-ports --help", () => {
  it("shows the commands and the exit codes", () => {
    const { status, stdout, stderr } = run("--help");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatchInlineSnapshot(`
      "Usage: iris-ports [options] [command]

      Gives every InterSystems IRIS project and CI job on this machine its own stable
      host port.

      Options:
        -V, --version         print the version
        --registry <path>     the registry, a file or a Redis URL (default:
                              ~/.iris-devtester/port-registry.json)
        --range <first-last>  the ports to choose from (default: 1972-1981)
        -h, --help            print help

      Ports:
        assign [project]      assign a port to a project, until it is released
        port [project]        print the port that a project has
        env [project]         print a project's port for tools to read, or write it
                              into their files; assigns one if there is none
        run -- <command...>   run a command with a port in IRIS_PORT, and release the
                              port when the command ends
        release [project]     release a project's port

      IRIS:
        up [image]            start or join the project's IRIS, wait until it is
                              ready, and keep it until \`down\`
        down [project]        shut the project's IRIS down, and remove its container
        status [project]      show whether the project's IRIS runs, and its addresses;
                              exit code 1 if it does not run
        logs [project]        show the log of the project's IRIS
        session [namespace]   open a session in the project's IRIS, or run the script
                              on standard input up to its first error
        open [project]        open the Management Portal of the project's IRIS in the
                              browser

      Show:
        list, ls, ps          show every assignment, its holders, and the queue
        inspect [project]     show one assignment, its addresses, its holders, and the
                              evidence that it is in use

      Maintenance:
        clean, prune          remove stale assignments, and containers whose holders
                              are gone
        clear                 release every port, in use or not
        doctor                check the registry and everything it depends on
        complete <shell>      print the completion script of a shell
        help                  print a command's help

      Exit codes:
        0    done
        1    unexpected error; status: IRIS is not running; session: refused; open: no browser; env --check: out of date
        2    wrong usage or value
        3    no port is free (PORT_EXHAUSTED)
        4    the port is in use (PORT_CONFLICT)
        5    the registry's lock was not obtained (PORT_ASSIGNMENT_TIMEOUT)
        6    the project has no port (PORT_NOT_ASSIGNED)
        7    the registry cannot be read or written (REGISTRY_*)
        8    the container engine or a container failed (CONTAINER_*)
        9    doctor found something that does not work
        10   IRIS refused a script, SQL or a class (IRIS_SESSION)
        130  interrupted (128 + the signal's number)
        run  the exit code of its command; 126 not executable, 127 not found

      Environment:
        IRIS_PORT_REGISTRY, IRIS_PORT_RANGE       instead of --registry and --range
        IRIS_PORTS_PROJECT, IRIS_PORTS_INSTANCE   the project and instance, if none are given
        DOCKER_HOST, NO_COLOR, FORCE_COLOR        as for other tools
        DEBUG=iris-ports*                         traces, and stack traces of errors
      "
    `);
  });

  it("L7: answers quickly: loads one file and little of Node", () => {
    const loaded = scriptsLoadedBy(BIN, "--help");
    expect(loaded.filter((url) => url.startsWith("file:"))).toEqual([pathToFileURL(BIN).href]);
    for (const unneeded of ["node:http", "node:tls", "node:crypto", "node:worker_threads", "node:readline"])
      expect(loaded).not.toContain(unneeded);
  });

  it.each(["list", "inspect", "assign", "release", "run", "clean", "clear", "doctor"])("explains %s", (command) => {
    const { status, stdout } = run(command, "--help");
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: iris-ports ${command} `));
    expect(stdout).toContain("--registry <path>");
  });

  it("explains complete with examples, as it explains the other commands", () => {
    const { status, stdout } = run("complete", "--help");
    expect(status).toBe(0);
    expect(stdout).toBe(run("help", "complete").stdout);
    expect(stdout).toContain("source <(iris-ports complete bash)");
  });

  it("does not print all help for a command that does not exist", () => {
    expect(run("help", "nope")).toMatchObject({
      status: 2,
      stdout: "",
      stderr: expect.stringMatching(/^iris-ports: unknown command 'nope'\nTo fix: see `(npx )?iris-ports --help`\n$/),
    });
    expect(run("help", "ls").stdout).toBe(run("list", "--help").stdout);
    expect(run("help").stdout).toBe(run("--help").stdout);
  });

  it("prints the package's version", () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect(run("--version").stdout).toBe(`${version}\n`);
  });

  it("is what a call without a command gets, as an error", () => {
    const { status, stdout, stderr } = run();
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^Usage: iris-ports/);
  });
});

/** The addresses of all scripts that a program loads, Node's own among them. */
function scriptsLoadedBy(...args: string[]): readonly string[] {
  const directory = mkdtempSync(join(tmpdir(), "iris-ports-loaded-"));
  spawnSync(process.execPath, args, { env: { ...process.env, NODE_V8_COVERAGE: directory } });
  const reports = readdirSync(directory).map((name) => JSON.parse(readFileSync(join(directory, name), "utf8")));
  rmSync(directory, { recursive: true });
  return reports.flatMap(({ result }) => (result as { readonly url: string }[]).map(({ url }) => url));
}
