// Chromium as it is installed on this machine; Playwright brings none of its own.

import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium, type Browser } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** The executable: `CHROMIUM` if that is set, else the first of the usual names in the search path. */
function executable(): string {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const candidates = [process.env["CHROMIUM"], ...NAMES.flatMap((name) => folders.map((folder) => join(folder, name)))];
  const found = candidates.find((path) => path !== undefined && isExecutable(path));
  if (found === undefined) {
    throw new Error(`no Chromium: install one of ${NAMES.join(", ")}, or name it with CHROMIUM`);
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

/** Starts a browser that finds no host but this machine. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: executable(),
    // Chromium's own sandbox does not work for root, as whom containers run their tests.
    chromiumSandbox: process.getuid?.() !== 0,
    args: ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"],
  });
}
