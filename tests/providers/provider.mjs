// An OpenID provider (oidc-provider) on 127.0.0.1. Its argument is JSON: the paths of its issuer, tokens and key set, and
// the `aud` and other claims of its tokens. It prints `ready` and its origin. Each line on standard input rotates its
// signing key: it signs with a new one from then on, publishes both, and prints `rotated` and the number of fetches of
// its key set so far.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const { paths, audience, claims } = JSON.parse(process.argv[2]);
const keys = [];

async function addKey() {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  keys.unshift({ ...(await exportJWK(privateKey)), kid: `key-${keys.length + 1}`, alg: "ES256", use: "sig" });
}

function handler(origin) {
  const provider = new Provider(`${origin}${paths.issuer}`, {
    // It signs with the first key that fits.
    jwks: { keys: [...keys] },
    clients: [
      {
        client_id: "back-end",
        client_secret: "a-secret",
        token_endpoint_auth_method: "client_secret_post",
        grant_types: ["client_credentials"],
        id_token_signed_response_alg: "ES256",
        redirect_uris: [],
        response_types: [],
      },
    ],
    scopes: ["chats:create", "chats:read"],
    routes: { token: paths.token, jwks: paths.jwks },
    extraTokenClaims: () => claims,
    ttl: { ClientCredentials: 600 },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => `https://${audience}`,
        getResourceServerInfo: () => ({
          scope: "chats:create chats:read",
          audience,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
  });
  return provider.callback();
}

let handle;
let fetches = 0;
const server = createServer((request, response) => {
  fetches += request.url === paths.jwks;
  handle(request, response);
});
server.listen(0, "127.0.0.1", async () => {
  const origin = `http://127.0.0.1:${server.address().port}`;
  await addKey();
  handle = handler(origin);
  console.log(`ready ${origin}`);
  for await (const _ of createInterface({ input: process.stdin })) {
    await addKey();
    handle = handler(origin);
    console.log(`rotated ${fetches}`);
  }
});
