// The Chromium that is installed on this machine. This package of Playwright does not bring its own.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium, type Browser } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** The executable: `CHROMIUM` if it is set, otherwise the first of the usual names in the search path. */
function executable(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const candidates = [process.env["CHROMIUM"], ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))];
  const found = candidates.find((path) => path !== undefined && isExecutable(path));
  if (found === undefined) {
    throw new Error(`Chromium not found: install one of ${NAMES.join(", ")}, or set CHROMIUM to its path`);
  }
  return found;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Starts a browser that can reach no host but this machine. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: executable(),
    // Chromium's own sandbox does not work for root, and containers run their tests as root.
    chromiumSandbox: process.getuid?.() !== 0,
    args: ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
  });
}
