import { endProcess } from "./interruption.ts";
import { release } from "./release.ts";

await release();
endProcess();
