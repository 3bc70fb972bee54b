"""A small environment server: what it does at a call is said by the call's parameter `act`."""
import json
import os
from http.server import BaseHTTPRequestHandler, HTTPServer

BOOT = os.urandom(8).hex()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def do_GET(self):
        self.answer(200 if self.path == "/health" and "UNHEALTHY" not in os.environ else 404, {"status": "ok"})

    def do_POST(self):
        call = json.loads(self.rfile.read(int(self.headers["content-length"])))
        act = call["kwargs"].get("act")
        if act == "exit":
            print("asked to exit", flush=True)
            os._exit(3)
        if act == "eat":
            bytearray(os.urandom(1) * (512 << 20))
        extra = {"boot": BOOT, "environment": dict(os.environ), "limits": limits(), "is_writable": is_writable()}
        self.answer(200, {"status": "success", "result": {"score": 1, "extra": extra}, "error": None})
        if act == "leave":
            os._exit(4)


def limits():
    with open("/proc/self/limits") as lines:
        return {" ".join(words[:-3]): words[-3:-1] for words in map(str.split, lines) if words[0] == "Max"}


def is_writable():
    try:
        with open("/written", "w"):
            return True
    except OSError:
        return False


HTTPServer(("0.0.0.0", int(os.environ.get("AFFINETES_PORT", "8000"))), Handler).serve_forever()
