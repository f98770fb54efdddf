// What runs in the browser: a page of the platform's, which reads chats with the platform's own client.

// Not from the package's index, which no bundler takes: it needs a file that the package nats.ws keeps to itself.
import Dispatcher from "@ulms/api-clients/es/dispatcher.js";
import FetchHttpClient from "@ulms/api-clients/es/http-client.js";

/** What a read came to: the chat, or what the client has thrown. */
export type Outcome = { chat: unknown } | { thrown: unknown };

export interface Read {
  /** Base URL of the API. */
  url: string;
  token: string;
  audience: string;
  scope: string;
  /** Becomes the query. */
  options?: Record<string, unknown>;
}

/** Reads a chat as the platform's web applications do, with all the headers that they can send. */
async function read({ url, token, audience, scope, options }: Read): Promise<Outcome> {
  const dispatcher = new Dispatcher(`${url}/api/v1`, new FetchHttpClient(), { getToken: async () => token });
  dispatcher.setHeaders({ "x-agent-label": "web" });
  dispatcher.setLabels({ app_audience: audience, app_label: "classroom", app_version: "5.24.0", scope });
  try {
    return { chat: await dispatcher.readScope(Dispatcher.kind.CHAT, audience, scope, options) };
  } catch (thrown) {
    return { thrown };
  }
}

declare global {
  interface Window {
    read: typeof read;
  }
}

window.read = read;
