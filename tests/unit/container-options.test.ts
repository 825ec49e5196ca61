import { describe, expect, test } from "vitest";
import { readContainerOptions } from "../../action/inputs/container-options.ts";

const read = (text: string) => readContainerOptions("container-options", text);

describe("container-options", () => {
  test.each([
    ["", []],
    ["--memory 2g --cpus=2", ["--memory=2g", "--cpus=2"]],
    ["--cap-add IPC_LOCK\n--init\n\n-v /srv/data:/data", ["--cap-add=IPC_LOCK", "--init", "--volume=/srv/data:/data"]],
    [`--health-cmd "iris list" --env-x='a b'`, ["--health-cmd=iris list", "--env-x=a b"]],
    [`--mount type=bind,"source=/a b",target=/b`, ["--mount=type=bind,source=/a b,target=/b"]],
    ["--privileged=false --read-only", ["--privileged=false", "--read-only"]],
    ["--network iris-tests", ["--network=iris-tests"]],
  ])("%j is %j", (text, options) => {
    expect(read(text)).toEqual(options);
  });

  test.each([
    "--name other",
    "--name=other",
    "--label io.iris-ports.project=/elsewhere",
    "-l a=b",
    "--label-file=x",
    "--publish 1972:1972",
    "-p 1972:1972",
    "-p1972:1972",
    "-P",
    "--publish-all",
    "--env PASSWORD=x",
    "-ePASSWORD=x",
    "--rm",
    "--restart=always",
    "--pull=always",
    "--help",
    "--network host",
    "--net=none",
    "--network=container:abc",
  ])("%s is refused: it would take the container out of the registry's hands", (text) => {
    expect(() => read(`--init ${text}`)).toThrow(/^Input `container-options` .*\nNothing was assigned\.\nTo fix: /);
  });

  test.each([
    ["another-image", /not an option of `docker create`/],
    ["--memory", /without its value/],
    ["--memory --init", /without its value/],
    ["-it", /not an option of `docker create`/],
    ["--", /not an option/],
    ["=x", /not an option/],
    [`--health-cmd "open`, /quotation mark/],
  ])("%s is refused: docker would read it as something else", (text, words) => {
    expect(() => read(text)).toThrow(words);
  });
});
