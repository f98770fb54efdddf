// What tools/check clients tells the scenarios that are written in TypeScript.

export function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) {
    throw new Error(`${name} is missing: run tools/check clients`);
  }
  return value;
}

export const TAGS = JSON.parse(variable("TAGS")) as Record<string, unknown>;
export const DATA = JSON.parse(variable("DATA")) as unknown[];
