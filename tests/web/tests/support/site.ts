// Serves a folder as GitHub Pages does: below a path, with an origin of its own.

import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join } from "node:path";

const TYPES: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".yaml": "application/yaml" };

export interface Site {
  readonly url: string;
  stop(): void;
}

export async function serve(folder: string): Promise<Site> {
  const server: Server = createServer(async (request, response) => {
    const name = (request.url ?? "").replace(/^\/chats\//, "") || "index.html";
    try {
      const content = await readFile(join(folder, name));
      response.setHeader("content-type", TYPES[extname(name)] ?? "application/octet-stream").end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/chats/`,
    stop: () => void server.close(),
  };
}
