"""Prints a token and the public key of each case, made by Python's libraries with their defaults.

A case is a line of JSON: its name, issuer and audience, the public key as the library exports it, and
the token.
"""

import datetime
import json

import joserfc.jwk
import joserfc.jwt
import jwcrypto.jwk
import jwcrypto.jwt
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

PERMISSIONS = ["chats:create", "chats:read"]


def case(name, make):
    """Prints a case. `make` takes the claims and returns the public key's text and the token."""
    label = name.lower().replace(", ", "-").replace(" ", "-").replace("(", "").replace(")", "")
    issuer, audience = f"https://{label}.example.org", f"{label}.example.org"
    expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    claims = {"iss": issuer, "aud": audience, "sub": "teacher", "scope": " ".join(PERMISSIONS), "exp": expires}
    keys, token = make(claims)
    print(json.dumps({"name": name, "issuer": issuer, "audience": audience, "keys": keys, "token": token}))


def in_seconds(claims):
    """Returns the claims for a library that takes no dates."""
    return {**claims, "exp": int(claims["exp"].timestamp())}


def pyjwt(key, algorithm):
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return lambda claims: (public.decode(), jwt.encode(claims, key, algorithm=algorithm))


def rfc(key, algorithm):
    def make(claims):
        # Some algorithms have to be allowed. The library recommends the name Ed25519 over EdDSA.
        token = joserfc.jwt.encode({"alg": algorithm}, in_seconds(claims), key, algorithms=[algorithm])
        return json.dumps(key.as_dict(private=False)), token

    return make


def crypto(key, algorithm):
    def make(claims):
        token = jwcrypto.jwt.JWT(header={"alg": algorithm}, claims=in_seconds(claims))
        token.make_signed_token(key)
        return key.export_public(), token.serialize()

    return make


def main():
    large = rsa.generate_private_key(65537, 2048)
    case("PyJWT, RS256", pyjwt(large, "RS256"))
    case("PyJWT, ES256", pyjwt(ec.generate_private_key(ec.SECP256R1()), "ES256"))
    case("PyJWT, ES384", pyjwt(ec.generate_private_key(ec.SECP384R1()), "ES384"))
    case("PyJWT, EdDSA", pyjwt(ed25519.Ed25519PrivateKey.generate(), "EdDSA"))
    # A shared secret is no public key. The public key here is another one's.
    public = pyjwt(ec.generate_private_key(ec.SECP256R1()), "ES256")
    case("PyJWT, HS256", lambda claims: (public(claims)[0], jwt.encode(claims, "secret" * 10)))

    case("joserfc, RS256", rfc(joserfc.jwk.RSAKey.generate_key(2048), "RS256"))
    case("joserfc, PS256", rfc(joserfc.jwk.RSAKey.generate_key(2048, {"alg": "PS256"}), "PS256"))
    case("joserfc, ES256", rfc(joserfc.jwk.ECKey.generate_key("P-256"), "ES256"))
    case("joserfc, ES384", rfc(joserfc.jwk.ECKey.generate_key("P-384"), "ES384"))
    case("joserfc, EdDSA", rfc(joserfc.jwk.OKPKey.generate_key("Ed25519"), "EdDSA"))
    case("joserfc, Ed25519", rfc(joserfc.jwk.OKPKey.generate_key("Ed25519"), "Ed25519"))

    generate = jwcrypto.jwk.JWK.generate
    case("jwcrypto, RS256", crypto(generate(kty="RSA", size=2048), "RS256"))
    case("jwcrypto, RS512", crypto(generate(kty="RSA", size=2048, alg="RS512"), "RS512"))
    case("jwcrypto, ES256", crypto(generate(kty="EC", crv="P-256", kid="one"), "ES256"))
    case("jwcrypto, EdDSA", crypto(generate(kty="OKP", crv="Ed25519"), "EdDSA"))
    case("jwcrypto, ES512", crypto(generate(kty="EC", crv="P-521"), "ES512"))


if __name__ == "__main__":
    main()
