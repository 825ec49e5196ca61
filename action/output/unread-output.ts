/**
 * Imported for its effect, before anything is printed. When the runner dies, nobody reads the step's output any more;
 * each line would then raise an error, and the message about that error another one. The step must finish all the same.
 */
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
