// The package has no types. These declare the parts that are used here.

declare module "@ulms/api-clients/es/http-client.js" {
  export default class FetchHttpClient {
    get(url: string, options: unknown): Promise<unknown>;
  }
}

declare module "@ulms/api-clients/es/dispatcher.js" {
  import type FetchHttpClient from "@ulms/api-clients/es/http-client.js";

  interface Labels {
    app_audience?: string;
    app_label?: string;
    app_version?: string;
    scope?: string;
  }

  export default class Dispatcher {
    static readonly kind: { CHAT: string };
    constructor(baseUrl: string, httpClient: FetchHttpClient, tokenProvider: { getToken(): Promise<string> });
    setHeaders(headers: Record<string, string>): void;
    setLabels(labels: Labels): void;
    post(url: string, data: unknown, options?: { headers?: Record<string, string> }): Promise<unknown>;
    readScope(kind: string, audience: string, scope: string, options?: Record<string, unknown>): Promise<unknown>;
  }
}
