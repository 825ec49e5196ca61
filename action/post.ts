import { endProcess } from "./job/interruption.ts";
import { release } from "./release.ts";

await release();
endProcess();
