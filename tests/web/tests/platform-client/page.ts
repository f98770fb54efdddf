// The page of the platform that runs in the browser. It reads chats and creates events with the platform's own client.

// These imports bypass the package's index, which cannot be bundled: it needs a file that the package nats.ws does not
// export.
import Dispatcher from "@ulms/api-clients/es/dispatcher.js";
import FetchHttpClient from "@ulms/api-clients/es/http-client.js";

/** The outcome of a read: the chat, or the error that the client throws. */
export type Outcome = { chat: unknown } | { thrown: unknown };

/** The outcome of sending an event: the answer's body, or the error that the client throws. */
export type Sent = { answer: unknown } | { thrown: unknown };

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

export interface Send {
  /** Base URL of the API. */
  url: string;
  token: string;
  chatId: string;
  /** The idempotency key. */
  key: string;
  data: unknown;
}

/** Creates an event in a chat with a key, through the client's own way of sending. */
async function send({ url, token, chatId, key, data }: Send): Promise<Sent> {
  const dispatcher = new Dispatcher(`${url}/api/v1`, new FetchHttpClient(), { getToken: async () => token });
  dispatcher.setHeaders({ "x-agent-label": "web" });
  const options = { headers: { "idempotency-key": key } };
  try {
    return { answer: await dispatcher.post(`${url}/api/v1/chats/${chatId}/events`, { type: "message", data }, options) };
  } catch (thrown) {
    return { thrown };
  }
}

declare global {
  interface Window {
    read: typeof read;
    send: typeof send;
  }
}

window.read = read;
window.send = send;
