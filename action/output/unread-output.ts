/**
 * Imported for its effect, before anything is printed. When the runner dies, the step's output is no longer read; each
 * line would then raise an error, and the message about that error another one. The step must still finish.
 */
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
