// A stack of `cargo local` on free ports, one for each test file.

import { spawn, execFile } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** The root of the repository, seen from where this file is when it runs. */
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
  // Tests that fail before their end, or take so long that the runner ends them, leave nothing behind.
  process.once("exit", () => child.kill());
  process.once("SIGTERM", () => process.exit(1));
  for await (const line of createInterface({ input: child.stdout })) {
    const [word, url] = line.split(" ");
    if (word === "ready" && url !== undefined) {
      // What the functions log from now on is not looked at, but must go somewhere.
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
  throw new Error("cargo local ended before it was ready");
}

/** A token of a demo tenant; `options` are those of `cargo local token`. */
export async function token(...options: string[]): Promise<string> {
  return (await run("token", ...options)).trim();
}

/** What a command of `cargo local` prints. */
export async function run(...command: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("cargo", ["local", ...command], { cwd: root });
  return stdout;
}
