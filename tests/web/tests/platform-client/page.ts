// The page of the platform that runs in the browser and reads chats with the platform's own client.

// These imports bypass the package's index, which cannot be bundled: it needs a file that the package nats.ws does not
// export.
import Dispatcher from "@ulms/api-clients/es/dispatcher.js";
import FetchHttpClient from "@ulms/api-clients/es/http-client.js";

/** The outcome of a read: the chat, or the error that the client throws. */
export type Outcome = { chat: unknown } | { thrown: unknown };

export interface Read {
  /** Base URL of the API. */
  url: string;
  token: string;
  audience: string;
  scope: string;
  /** Options that become the query. */
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
