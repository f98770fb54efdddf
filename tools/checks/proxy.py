"""A proxy in front of an API. A check changes what it answers."""

import http.client
import http.server
import threading
import urllib.parse


# Headers of an answer that the proxy writes itself.
REPLACED = ("connection", "content-length", "date", "transfer-encoding")


class Proxy(http.server.BaseHTTPRequestHandler):
    """Forwards each request to `api`. A subclass changes the answers in `answer`."""

    api = None
    protocol_version = "HTTP/1.1"

    def answer(self, body):
        """Returns status, headers and body of the answer to a request with this body."""
        return self.forward(body)

    def forward(self, body):
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.api).netloc)
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        kept = {name.lower(): value for name, value in answer.getheaders() if name.lower() not in REPLACED}
        return answer.status, kept, content

    def reply(self):
        status, headers, content = self.answer(self.rfile.read(int(self.headers.get("content-length", 0))))
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = reply

    def log_message(self, *_):
        pass


def serve(handler, **attributes):
    """Serves a subclass of `Proxy` with these class attributes, until this process ends, and returns its URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("", (handler,), attributes))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"
