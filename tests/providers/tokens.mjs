// Prints a token and the public key of each case, made by the libraries of Node.js with their defaults.
// A case is a line of JSON, as in tokens.py.
import { generateKeyPairSync } from "node:crypto";
import * as jose from "jose";
import jsonwebtoken from "jsonwebtoken";

const PERMISSIONS = ["chats:create", "chats:read"];

// Prints a case. `make` takes issuer and audience, and returns the public key and the token.
async function print(name, make) {
  const label = name.toLowerCase().replaceAll(", ", "-").replaceAll(" ", "-");
  const [issuer, audience] = [`https://${label}.example.org`, `${label}.example.org`];
  const { keys, token } = await make(issuer, audience);
  console.log(JSON.stringify({ name, issuer, audience, keys, token }));
}

// `aud` and the permissions are lists here.
function withJose(algorithm, options) {
  return async (issuer, audience) => {
    const { publicKey, privateKey } = await jose.generateKeyPair(algorithm, { extractable: true, ...options });
    const token = await new jose.SignJWT({ scope: PERMISSIONS })
      .setProtectedHeader({ alg: algorithm })
      .setIssuer(issuer)
      .setAudience([audience, "https://other.example.org"])
      .setSubject("teacher")
      .setIssuedAt()
      .setExpirationTime("1h")
      .sign(privateKey);
    const key = await jose.exportJWK(publicKey);
    // A JWK of this library names no algorithm, and an RSA key without one is for RS256.
    return { keys: JSON.stringify(key.kty === "RSA" ? { ...key, alg: algorithm } : key), token };
  };
}

function withJsonwebtoken(type, options, algorithm) {
  return (issuer, audience) => {
    const { publicKey, privateKey } = generateKeyPairSync(type, {
      ...options,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    const token = jsonwebtoken.sign({ scope: PERMISSIONS.join(" ") }, privateKey, {
      algorithm,
      issuer,
      audience,
      subject: "teacher",
      expiresIn: "1h",
    });
    return { keys: publicKey, token };
  };
}

// The key is exported by WebCrypto, with `ext` and `key_ops`. The signature is WebCrypto's, too.
function withWebCrypto(generated, signed, algorithm) {
  return async (issuer, audience) => {
    const { publicKey, privateKey } = await crypto.subtle.generateKey(generated, true, ["sign", "verify"]);
    const part = (value) => Buffer.from(value).toString("base64url");
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const claims = { iss: issuer, aud: audience, sub: "teacher", exp, scope: PERMISSIONS.join(" ") };
    const message = `${part(JSON.stringify({ alg: algorithm }))}.${part(JSON.stringify(claims))}`;
    const signature = await crypto.subtle.sign(signed, privateKey, Buffer.from(message));
    const keys = JSON.stringify(await crypto.subtle.exportKey("jwk", publicKey));
    return { keys, token: `${message}.${part(new Uint8Array(signature))}` };
  };
}

for (const algorithm of ["ES256", "ES384", "RS256", "RS384", "PS256", "PS512", "EdDSA", "Ed25519", "ES512"]) {
  await print(`jose, ${algorithm}`, withJose(algorithm, {}));
}
await print("jsonwebtoken, RS256", withJsonwebtoken("rsa", { modulusLength: 2048 }, "RS256"));
await print("jsonwebtoken, ES256", withJsonwebtoken("ec", { namedCurve: "P-256" }, "ES256"));
await print("jsonwebtoken, ES384", withJsonwebtoken("ec", { namedCurve: "P-384" }, "ES384"));

const rsa = { modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
const ecdsa = { name: "ECDSA", hash: "SHA-256" };
await print("WebCrypto, ES256", withWebCrypto({ name: "ECDSA", namedCurve: "P-256" }, ecdsa, "ES256"));
await print("WebCrypto, RS256", withWebCrypto({ name: "RSASSA-PKCS1-v1_5", ...rsa }, "RSASSA-PKCS1-v1_5", "RS256"));
await print(
  "WebCrypto, PS256",
  withWebCrypto({ name: "RSA-PSS", ...rsa }, { name: "RSA-PSS", saltLength: 32 }, "PS256"),
);
await print("WebCrypto, Ed25519", withWebCrypto({ name: "Ed25519" }, "Ed25519", "EdDSA"));
