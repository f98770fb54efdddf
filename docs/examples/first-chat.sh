#!/usr/bin/env bash
# Creates a chat and posts a message to its room, with a token that this script signs.
#
#     ./first-chat.sh 'reading circle'
#
# It needs openssl, curl 7.84 and jq. docs/tenants.md shows how to get the tenant and its private key,
# library.pem.
set -euo pipefail

scope=${1:?the scope is missing: first-chat.sh 'reading circle'}
[[ -r library.pem ]] || { echo 'library.pem, the private key, must be in this folder' >&2; exit 1; }
api=${API:-http://127.0.0.1:3000}
issuer=iam.library.example.org
audience=library.example.org
answer=$(mktemp)
trap 'rm "$answer"' EXIT

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }

token() {
    local claims
    claims=$(jq -cn --arg iss "$issuer" --arg aud "$audience" \
        '{$iss, $aud, sub: "librarian", exp: (now + 300 | floor), scope: "chats:create events:create"}')
    claims=$(printf '{"alg":"ES256"}' | base64url).$(printf '%s' "$claims" | base64url)
    # openssl prints the signature's two numbers as ASN.1. A JWT has them as 32 bytes each.
    printf '%s.' "$claims"
    printf "$(printf '%s' "$claims" | openssl dgst -sha256 -sign library.pem | openssl asn1parse -inform DER |
        sed -n 's/.*INTEGER *:/000000000000000000000000000000000000000000000000000000000000000/p' |
        sed 's/.*\(.\{64\}\)$/\1/; s/../\\x&/g' | tr -d '\n')" | base64url
}

# post PATH BODY [CURL'S OPTION ..] sends a request, and repeats it for as long as that is safe and may
# help. It sets `status`, and writes what is returned to the file `answer`.
#
# A problem says so by `is_transient`. The gateway's own answers have only a message. Their outcome is
# unknown, like that of a lost connection (status 000), unless the status is 429. So post only what can
# be repeated at any time: a chat, or an event with an Idempotency-Key.
post() {
    local path=$1 body=$2 seconds backoff
    shift 2
    # The gateway does not say how long to wait: first a second, then twice as long each time.
    for backoff in 1 2 4 8 16 30 30 0; do
        read -r status seconds < <(curl -s --max-time 35 -o "$answer" -w '%{http_code} %header{retry-after}\n' \
            -H "Authorization: Bearer $(token)" -H 'Content-Type: application/json' "$@" -d "$body" "$api$path")
        [[ $status != 000 ]] || echo '{"message": "no answer from '"$api"'"}' > "$answer"
        jq -e --argjson status "$((10#$status))" 'if has("is_transient") then .is_transient
            else $status | IN(0, 429, 500, 503) end' "$answer" > /dev/null || return 0
        [[ $backoff != 0 ]] || break
        echo "$status $(jq -r '.type // .message' "$answer"), trying again in ${seconds:-$backoff} s" >&2
        sleep "${seconds:-$backoff}"
    done
}

# Ends the script. The operator finds the request by its id.
fail() {
    jq -r --arg status "$status" '"\($status) \(.type // .message)", (.detail // empty), (.errors // [] | .[] | "\(.pointer) \(.detail)"),
        (.request_id // empty | "request \(.)")' "$answer" >&2
    exit 1
}

post /api/v1/chats "$(jq -cn --arg audience "$audience" --arg scope "$scope" '{$audience, $scope, tags: {shelf: 7}}')"
# A chat of this scope that has other tags will do as well. The problem has its chat_id.
[[ $status == 201 || $(jq -r .type "$answer") == chat_already_exists ]] || fail
chat=$(jq -r .chat_id "$answer")
# A new key for each event, and the same one for each repeat.
post "/api/v1/chats/$chat/events" '{"type": "message", "data": {"text": "Hello"}}' \
    -H "Idempotency-Key: $(openssl rand -hex 16)"
[[ $status == 201 ]] || fail
echo "posted to chat $chat"
