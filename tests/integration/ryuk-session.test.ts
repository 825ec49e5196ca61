import { LABEL_TESTCONTAINERS_SESSION_ID } from "testcontainers";
import { expect, onTestFinished, test } from "vitest";
import { ContainerBench, isStandin, testcontainersHost } from "../helpers/container-bench.ts";
import { docker, dockerCli, eventually } from "../helpers/engine.ts";

/** What Ryuk is to its clients: it listens on 8080, and notes what is written to it until the connection closes. */
async function fakeRyuk(image: string, sessionId: string): Promise<string> {
  const labels = ["--label", "org.testcontainers.ryuk=true"];
  const session = ["--label", `${LABEL_TESTCONTAINERS_SESSION_ID}=${sessionId}`];
  // Testcontainers itself must not find it: it is another test's concern.
  const hidden = ["--label", "TESTCONTAINERS_RYUK_TEST_LABEL=true"];
  // At the end of its own input nc would close the connection.
  const program = "mkfifo /tmp/f; sleep 600 > /tmp/f & nc -l -p 8080 < /tmp/f > /tmp/heard; echo closed; wait";
  const listen = ["--entrypoint", "sh", image, "-c", program];
  const id = await docker(
    "run",
    "--detach",
    "--publish",
    `${await testcontainersHost()}::8080`,
    ...labels,
    ...session,
    ...hidden,
    ...listen,
  );
  onTestFinished(async () => void (await dockerCli(["rm", "--force", id])));
  // Port 8080 in hexadecimal digits, listening.
  const look = ["exec", id, "grep", "-qs", ":1F90 .* 0A ", "/proc/net/tcp", "/proc/net/tcp6"];
  await eventually(async () => ((await dockerCli(look)).exitCode === 0 ? true : undefined));
  return id;
}

/** The Ryuk session to which a container belongs. */
function sessionOf(id: string): Promise<string> {
  return docker("inspect", "--format", `{{index .Config.Labels "${LABEL_TESTCONTAINERS_SESSION_ID}"}}`, id);
}

test.runIf(isStandin)(
  "C5 a process that joins a container keeps its maker's Ryuk session alive until it leaves",
  async () => {
    const bench = await ContainerBench.create();
    const maker = bench.child();
    const { id } = await maker.started();
    const sessionId = await sessionOf(id);
    const ryuk = await fakeRyuk(bench.image, sessionId);
    const heard = () => docker("exec", ryuk, "cat", "/tmp/heard");

    await using joined = await bench.iris().start();
    expect(joined.getId()).toBe(id);
    await maker.kill("SIGKILL");
    const words = await eventually(async () => (await heard()) || undefined);
    expect(words).toBe(`label=${LABEL_TESTCONTAINERS_SESSION_ID}=${sessionId}`);
    expect(await docker("logs", ryuk)).toBe("");
    await joined.stop();
    await eventually(async () => ((await docker("logs", ryuk)) === "closed" ? true : undefined));
  },
);

test.runIf(isStandin)("C5 a Ryuk that does not answer does not prevent joining", async () => {
  const bench = await ContainerBench.create();
  const maker = bench.child();
  const { id } = await maker.started();
  const sessionId = await sessionOf(id);
  const ryuk = await fakeRyuk(bench.image, sessionId);
  await docker("exec", ryuk, "killall", "nc");
  await using joined = await bench.iris().start();
  expect(joined.getId()).toBe(id);
  await maker.stop();
  expect(await docker("inspect", "--format", "{{.State.Running}}", id)).toBe("true");
});
