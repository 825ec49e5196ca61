import type { ClientRequest } from "node:http";
import { StringDecoder } from "node:string_decoder";
import type { ContainerRuntimeClient } from "testcontainers";

type ContainerClient = ContainerRuntimeClient["container"];
type DemuxStream = ContainerClient["dockerode"]["modem"]["demuxStream"];
type Target = Parameters<DemuxStream>[1];

/**
 * A client whose `exec` returns its output as the command wrote it. Testcontainers decodes every chunk of the output by
 * itself, and the engine's chunks may end in the middle of a character.
 */
export function wholeCharacters(container: ContainerClient): ContainerClient {
  const { modem } = container.dockerode;
  const demuxStream: DemuxStream = (stream, stdout, stderr) => {
    // Otherwise the command would never end for its caller.
    const { req } = stream as { readonly req?: ClientRequest };
    req?.once("close", () => stream.emit("error", new Error("the connection to the engine was closed")));
    modem.demuxStream(stream, decoded(stdout), decoded(stderr));
  };
  const decoding = Object.create(modem, { demuxStream: { value: demuxStream } });
  const dockerode = Object.create(container.dockerode, { modem: { value: decoding } });
  return Object.create(container, { dockerode: { value: dockerode } });
}

/** A stream that keeps the beginning of a character until its end is written. */
function decoded(target: Target): Target {
  const decoder = new StringDecoder("utf8");
  const write = (chunk: Buffer) => target.write(decoder.write(chunk));
  return Object.create(target, { write: { value: write } });
}
