import fs from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { IrisRegistryContainer, IrisSessionError, type StartedIrisRegistryContainer } from "../../src/index.ts";
import { ContainerBench, isStandin } from "../helpers/container-bench.ts";
import { docker } from "../helpers/engine.ts";

const TIMEOUT = { timeout: 300_000 };

function file(bench: ContainerBench, name: string, text: string): string {
  const path = join(bench.directory, name);
  fs.writeFileSync(path, text);
  return path;
}

test("C1 a user without a password is refused before anything is made", async () => {
  const bench = await ContainerBench.create();
  await expect(bench.iris().withUsername("alice").start()).rejects.toThrow(/call withPassword\(\) as well/);
  await bench.expectNothingLeft();
});

test.runIf(isStandin)("C1 merge files add up, each section once", async () => {
  const bench = await ContainerBench.create();
  const second = file(bench, "second.cpf", "[Actions]\r\nModifyUser:Name=Admin,Enabled=0\r\n[config]\r\nlocksiz=1\r\n");
  const container = bench.iris().withCpfMerge("[config]\nglobals=0,0,64,0,0,0\n").withCpfMerge(second);
  await using iris = await container.start();
  expect((await iris.exec(["cat", "/var/lib/standin/merged.cpf"])).output).toBe(
    "[config]\nglobals=0,0,64,0,0,0\nlocksiz=1\n[Actions]\nModifyUser:Name=Admin,Enabled=0\n",
  );
});

describe("C14 init scripts", () => {
  test("prepare the container when it is made, in their order, and not when it is joined", TIMEOUT, async () => {
    const bench = await ContainerBench.create();
    const scripts = [
      file(bench, "schema.sql", "CREATE TABLE ip_init (name VARCHAR(20));\nINSERT INTO ip_init (name) VALUES ('tea');"),
      file(bench, "Init.cls", 'Class IpInit.Text\n{\n\nClassMethod Word() As %String\n{\n  quit "word"\n}\n\n}\n'),
      file(bench, "init.script", "hang 1\nset ^ipInit=$get(^ipInit)_##class(IpInit.Text).Word()\n"),
    ];
    const container = () =>
      bench
        .iris()
        .withNamespace("IPINIT")
        .withInitScripts(...scripts);
    // Both at once: one makes it, the other must not see it unprepared.
    const both = await Promise.all([container().start(), container().start()]);
    await using first = both[0];
    await using second = both[1];
    expect(second.getId()).toBe(first.getId());
    // One that does not ask for them may join as well.
    await using third = await bench.iris().withNamespace("IPINIT").start();
    for (const iris of [first, second, third]) {
      expect(await iris.runSql("SELECT name FROM ip_init")).toEqual([{ name: "tea" }]);
      expect(await iris.runObjectScript("write ^ipInit")).toBe("word");
    }
  });

  test("that fail make the start fail with IRIS's words, and leave nothing", TIMEOUT, async () => {
    const bench = await ContainerBench.create();
    const bad = file(bench, "bad.sql", "SELECT 1;\nSELECT * FROM ip_nowhere;");
    const error = await bench
      .iris()
      .withInitScripts(bad)
      .start()
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(IrisSessionError);
    expect(error).toMatchObject({ sqlCode: -30, line: 2 });
    expect((error as Error).message).toContain(bad);
    await bench.expectNothingLeft();
  });

  test("that fail let the starts that wait for them fail as well, at once", TIMEOUT, async () => {
    const bench = await ContainerBench.create();
    const bad = file(bench, "bad.script", "hang 1\nset x=nothing");
    const start = () => bench.iris().withInitScripts(bad).start();
    const begin = performance.now();
    const both = await Promise.allSettled([start(), start()]);
    // The start time-out is 180 s.
    expect(performance.now() - begin).toBeLessThan(90_000);
    const errors = both.map((result) => (result.status === "rejected" ? result.reason : undefined));
    expect(errors.map(({ code }) => code).sort()).toEqual(["CONTAINER_START", "IRIS_SESSION"]);
    for (const error of errors) expect(error.message).toContain("<UNDEFINED>");
    await bench.expectNothingLeft();
  });

  test("must be files", () => {
    expect(() => new IrisRegistryContainer().withInitScripts("/nowhere.sql")).toThrow(/nowhere\.sql/);
  });
});

describe("C14 data that is kept", () => {
  test("in a directory outlives the container, because IRIS is shut down first", TIMEOUT, async () => {
    const bench = await ContainerBench.create();
    const data = join(bench.directory, "data");
    const container = () => bench.iris().withDurableData(data);
    const first = await container().start();
    await first.runObjectScript('set ^ipKept="yes"');
    await first.stop();
    expect(await bench.containers()).toEqual([]);
    await using second = await container().start();
    expect(await second.runObjectScript('write $get(^ipKept,"lost")')).toBe("yes");
  });

  test("in a volume, too", TIMEOUT, async () => {
    const bench = await ContainerBench.create();
    const volume = `iris-ports-test-${process.pid}-${Date.now()}`;
    onTestFinished(async () => {
      await docker("volume", "rm", "--force", volume);
    });
    const container = () => bench.iris().withDurableData(volume);
    const first = await container().start();
    expect((await first.exec(["stat", "-c", "%u", "/durable"], { user: "root" })).output.trim()).toBe("51773");
    await first.runObjectScript('set ^ipKept="yes"');
    await first.stop();
    const second = await container().start();
    expect(await second.runObjectScript('write $get(^ipKept,"lost")')).toBe("yes");
    await second.stop();
  });

  test("in a volume needs an image, and says so in a typed error", TIMEOUT, async () => {
    const bench = await ContainerBench.create();
    const volume = `iris-ports-test-no-image-${process.pid}`;
    const container = new IrisRegistryContainer("iris-ports.invalid/iris:1").withRegistry(bench.registryPath);
    const start = container.withProject(bench.project()).withDurableData(volume).start();
    await expect(start).rejects.toMatchObject({ code: "CONTAINER_START" });
    await bench.expectNothingLeft();
  });

  test.runIf(isStandin).each([
    ["restart()", (iris: StartedIrisRegistryContainer) => iris.restart()],
    ["stop() that keeps the container", (iris: StartedIrisRegistryContainer) => iris.stop({ remove: false })],
  ])("in the container itself outlives %s, because IRIS is shut down first", TIMEOUT, async (_, end) => {
    const bench = await ContainerBench.create();
    const iris = await bench.iris().withEnvironment({ IRIS_STANDIN_STOP_MS: "1000" }).start();
    await end(iris);
    expect(await docker("logs", iris.getId())).toContain("...shut down InterSystems IRIS");
    await iris.stop();
  });

  test("is refused if it is neither a path nor the name of a volume", () => {
    for (const wrong of ["", "a b", "ä"])
      expect(() => new IrisRegistryContainer().withDurableData(wrong)).toThrow(/neither/);
  });

  test("is complete in an image of commit(), and the container goes on", TIMEOUT, async () => {
    const bench = await ContainerBench.create();
    await using iris = await bench.iris().start();
    await iris.runObjectScript('set ^ipKept="yes"');
    const image = await iris.commit({ repo: "iris-ports-test", tag: `kept-${process.pid}` });
    onTestFinished(async () => {
      await docker("rmi", "--force", image);
    });
    expect(await iris.runObjectScript('write $get(^ipKept,"lost")')).toBe("yes");
    expect(await docker("logs", iris.getName().replace("/", ""))).toMatch(/Shutting down[\s\S]*Starting InterSystems/);
  });
});
