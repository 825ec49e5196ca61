import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { isOnPath } from "../../scripts/debian-packages.ts";
import { BIN, CliSandbox } from "../helpers/cli.ts";
import { typed } from "../helpers/terminal.ts";

/** How a shell is started, and its configuration, which may read the script twice, as by a second `source ~/.bashrc`. */
const SHELLS = [
  {
    shell: "bash",
    start: "exec bash --rcfile configuration -i",
    configuration: "source <(iris-ports complete bash)\nsource <(iris-ports complete bash)\nPS1='READY '\n",
  },
  {
    shell: "zsh",
    start: "mv configuration .zshrc; ZDOTDIR=$PWD exec zsh -i",
    configuration: "source <(iris-ports complete zsh)\nsource <(iris-ports complete zsh)\nPS1='READY '\n",
  },
  {
    shell: "fish",
    start: "mkdir fish; mv configuration fish/config.fish; XDG_CONFIG_HOME=$PWD exec fish -i",
    configuration:
      "iris-ports complete fish | source\niris-ports complete fish | source\nfunction fish_prompt; echo 'READY '; end\n",
  },
];

/** What is typed of a name that a shell would interpret, and the name; with `shop`, they take ten ports. */
const NAMES = [
  ["wi", "with space"],
  ["it", "it's"],
  ["co", "cost$(touch ran)`touch ran`"],
  ["sa", 'say "a;touch ran"'],
  ["ba", "back\\slash"],
  ["st", "star*[a]{b,c}"],
  ["-", "-dash #~"],
  ["a=b:", "a=b:c"],
  ["gr", "größe 日本"],
] as const;

// util-linux' script gives a shell a real terminal; other systems' script has other options.
describe.each(SHELLS)("completion in $shell", ({ shell, start, configuration }) => {
  let sandbox: CliSandbox;

  beforeEach(async () => {
    sandbox = await CliSandbox.create();
    // It completes, and shows the words of every other call.
    const program = join(sandbox.project("bin"), "iris-ports");
    writeFileSync(
      program,
      `#!/bin/sh\n[ "$1" != complete ] || exec '${process.execPath}' '${BIN}' "$@"\nprintf '<%s>' "$@"\necho\n`,
    );
    chmodSync(program, 0o755);
    writeFileSync(join(sandbox.directory, "configuration"), configuration);
    await sandbox.run(["assign", "shop"]);
  });
  afterEach(() => sandbox[Symbol.dispose]());

  /** The words of each command whose line is typed and then completed. */
  async function completed(...lines: readonly string[]): Promise<readonly string[]> {
    const { stdout } = await typed(start, {
      cwd: sandbox.directory,
      columns: 200,
      env: {
        PATH: `${join(sandbox.directory, "bin")}:${process.env["PATH"]}`,
        HOME: sandbox.directory,
        LC_ALL: "C.UTF-8",
        IRIS_PORT_REGISTRY: sandbox.registryPath,
      },
      question: "READY",
      answer: `${lines.map((line) => `${line}\t\r`).join("")}exit\r`,
    });
    return stdout.match(/^<.*>$/gm) ?? [stdout];
  }

  describe.skipIf(process.platform !== "linux" || !isOnPath(shell))("as it is typed", () => {
    it("knows commands, options and their values", async () => {
      const words = await completed(
        "iris-ports rel",
        "iris-ports ps --wa",
        "iris-ports env --format to",
        "iris-ports env --format=to",
        "iris-ports up --pull=al",
        "iris-ports help ins",
      );
      expect(words).toEqual([
        "<release>",
        "<ps><--watch>",
        "<env><--format><toml>",
        "<env><--format=toml>",
        "<up><--pull=always>",
        "<help><inspect>",
      ]);
    });

    it("inserts the names of directories as they are, and runs none", async () => {
      for (const [, name] of NAMES) await sandbox.run(["assign", sandbox.project(`own/${name}`)]);
      const words = await completed(
        ...NAMES.map(([start]) => `iris-ports port ${sandbox.directory}/own/${start}`),
        `iris-ports run --project=${sandbox.directory}/own/wi`,
      );
      expect(words).toEqual([
        ...NAMES.map(([, name]) => `<port><${sandbox.directory}/own/${name}>`),
        `<run><--project=${sandbox.directory}/own/with space>`,
      ]);
      expect(existsSync(join(sandbox.directory, "ran"))).toBe(false);
    });

    it("completes files where there is nothing else, also without a registry", async () => {
      writeFileSync(join(sandbox.directory, "password file"), "");
      writeFileSync(sandbox.registryPath, "{");
      expect(
        await completed(
          "iris-ports up --password-file pass",
          "iris-ports run -- pass",
          "iris-ports release ./pass",
          "iris-ports --registry=pass",
        ),
      ).toEqual([
        "<up><--password-file><password file>",
        "<run><--><password file>",
        "<release><./password file>",
        "<--registry=password file>",
      ]);
    });

    it("asks the registry that the line names", async () => {
      const registryPath = join(sandbox.directory, "elsewhere.json");
      await sandbox.run(["assign", "other", "--registry", registryPath]);
      const line = `iris-ports --registry=${registryPath} release ${sandbox.directory}/o`;
      expect(await completed(line)).toEqual([`<--registry=${registryPath}><release><${sandbox.directory}/other>`]);
    });
  });
});
