import fs from "node:fs";
import { delimiter, join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { DockerCommand } from "../../src/docker/docker-command.ts";
import { DockerCommandHost } from "../../src/docker/docker-command-host.ts";
import { temporaryDirectory } from "../helpers/registry.ts";

/** Runs the command of `docker exec --interactive <id>` on this host, and says how much of its input is left. */
const EXEC = `#!/bin/sh
shift 3
"$@"
code=$?
echo "unread: $(cat | wc -c)"
exit $code
`;

test.skipIf(process.platform === "win32")(
  "a command's input is read to its end, or podman loses its output",
  async () => {
    const bin = temporaryDirectory();
    fs.writeFileSync(join(bin, "docker"), EXEC, { mode: 0o755 });
    vi.stubEnv("PATH", `${bin}${delimiter}${process.env["PATH"]}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    const host = new DockerCommandHost(new DockerCommand({ endpoint: "tcp://build-host:2376", isLocal: false }));
    const refused = ["sh", "-c", "echo Sign-on inhibited; exit 239"];
    const { exitCode, stdout } = await host.exec("id", refused, { input: "write 1\nhalt\n" });
    expect({ exitCode, stdout }).toEqual({ exitCode: 239, stdout: "Sign-on inhibited\nunread: 0\n" });
  },
);
