"""Stands in for an inference engine where a test needs one to misbehave: llama.cpp's own is used where it need not.

Usage: engine.py MODEL PORT. What it does follows from the model's name: `.../crash` ends at once with words on stderr, `.../never`
listens never, `.../other` lists another model, `.../slow` takes half a second for an answer, anything else is served at once. Each start leaves a helper process behind, as engines do.
"""

import json
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

model, port = sys.argv[1], int(sys.argv[2])
kind = model.split("/")[1]
# In a session of its own, so that ending the engine's process group does not end it.
subprocess.Popen(["sleep", "1000"], start_new_session=True)
if kind == "crash":
    print("CUDA error: out of memory", file=sys.stderr, flush=True)
    sys.exit(3)
while kind == "never":
    time.sleep(1)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        served = "some/other" if kind == "other" else model
        self.answer({"object": "list", "data": [{"id": served}]})

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if kind == "slow":
            time.sleep(0.5)
        message = {"role": "assistant", "content": f"I am {model}"}
        self.answer({"choices": [{"message": message, "finish_reason": "stop"}], "usage": None})

    def answer(self, document):
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()
