// A stack of `cargo local` on free ports. Each test file starts its own.

import { spawn, execFile } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The root of the repository, relative to the compiled file. */
export const root = fileURLToPath(new URL("../../../../../", import.meta.url));

const PORTS = ["--port", "--dynamodb-port", "--event-service-port"];

export interface Stack {
  /** Base URL of the API, without a slash at the end. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts a stack and waits until it is ready. */
export async function startStack(): Promise<Stack> {
  const child = spawn("cargo", ["local", ...PORTS.flatMap((option) => [option, "0"])], {
    cwd: root,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  // Stop the stack also when a test fails early or the runner ends it for taking too long.
  process.once("exit", () => child.kill());
  process.once("SIGTERM", () => process.exit(1));
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, url] = line.split(" ");
    if (word === "ready" && url !== undefined) {
      // The functions' later output is not needed, but the pipe must be drained.
      child.stdout.resume();
      return {
        url,
        async stop() {
          child.kill();
          await ended;
        },
      };
    }
  }
  throw new Error("cargo local exited before it was ready");
}

/** A token of a demo tenant. `options` are the options of `cargo local token`. */
export async function token(...options: string[]): Promise<string> {
  return (await run("token", ...options)).trim();
}

/** The output of a command of `cargo local`. */
export async function run(...command: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("cargo", ["local", ...command], { cwd: root });
  return stdout;
}
