"""A Python app on http.server, which speaks HTTP/1.0: each answer ends with its connection."""
import hashlib
import json
import re
import sys
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

port, name = int(sys.argv[1]), sys.argv[2]
sessions = {}
tick = threading.Condition()
listeners = 0


class App(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, value, status=200, *fields):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for field in fields:
            self.send_header(*field)
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self):
        global listeners
        url = urlsplit(self.path)
        if url.path == "/":
            self.answer(name.encode())
        elif url.path == "/me":
            found = re.search(r"sid=([^;]*)", self.headers.get("Cookie", ""))
            user = sessions.get(found[1]) if found else None
            self.answer({"app": name, "user": user, "cookie": self.headers.get("Cookie", "")}, 200 if user else 401)
        elif url.path == "/download":
            count = int(parse_qs(url.query)["bytes"][0])
            self.answer((b"limpet " * (count // 7 + 1))[:count])
        elif url.path == "/events":
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            with tick:
                self.wfile.write(b"data: hello\n\n")
                listeners += 1
                tick.wait(60)
                listeners -= 1
            self.wfile.write(b"data: tick\n\n")
        else:
            self.answer({"app": name}, 404)

    def do_POST(self):
        body = self.body()
        if self.path == "/login":
            sid = uuid.uuid4().hex
            sessions[sid] = parse_qs(body.decode())["user"][0]
            self.answer({"app": name}, 200, ("Set-Cookie", f"sid={sid}; Path=/; HttpOnly"))
        elif self.path == "/upload":
            self.answer({"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()})
        elif self.path == "/tick":
            with tick:
                count = listeners
                tick.notify_all()
            self.answer({"listeners": count})
        else:
            self.answer({"app": name}, 404)


server = ThreadingHTTPServer(("127.0.0.1", port), App)
print("ready", flush=True)
server.serve_forever()
