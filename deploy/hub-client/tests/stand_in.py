"""A hub in memory that answers what the official client and the admission checks ask, and refuses what the real one refuses.

    stand_in.py STATE.json

Prints its address. The state is read anew for each request and written after each change:

    {"token": "hf_…", "repositories": {"owner/name": {"private": false, "gated": false, "status": null, "fault": null,
     "commits": [{"id": "<40 hex>", "title": "…", "files": {"config.json": "{}", "model.safetensors": "…"}}]}},
     "uploads": {"<SHA-256>": "…"}, "log": ["GET /…"]}

`status` answers everything with that status. `fault` is `cut` (a large file ends half-way), `wrong` (a large file has other
bytes than its hash says) or `swap` (an uploaded file becomes another one).
"""

import base64
import hashlib
import json
import sys
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

STATE = Path(sys.argv[1])
LOCK = threading.Lock()


def sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()


def is_large(name):
    return name.endswith((".safetensors", ".bin"))


def blob_id(text):
    return hashlib.sha1(f"blob {len(text.encode())}\0{text}".encode()).hexdigest()


def described(name, text):
    """As in a revision's siblings; large files are known by their SHA-256."""
    file = {"rfilename": name, "size": len(text.encode()), "blobId": blob_id(text)}
    if is_large(name):
        file["lfs"] = {"sha256": sha256(text), "size": file["size"], "pointerSize": 130}
    return file


class Hub(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def answer(self, status, body=b"", headers=None, length=None):
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("content-type", "application/json" if isinstance(body, (dict, list)) else "text/plain")
        self.send_header("content-length", str(len(data) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def refuse(self, status, code=""):
        self.answer(status, {"error": code}, {"x-error-code": code} if code else {})

    def handle_request(self):
        length = int(self.headers.get("content-length") or 0)
        self.body = self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        self.parts = [urllib.parse.unquote(part) for part in url.path.strip("/").split("/")]
        with LOCK:
            self.state = json.loads(STATE.read_text())
            self.state.setdefault("log", []).append(f"{self.command} {url.path}")
            self.serve()
            STATE.write_text(json.dumps(self.state))

    do_GET = do_HEAD = do_POST = do_PUT = handle_request

    @property
    def is_known(self):
        return self.headers.get("authorization") == f"Bearer {self.state.get('token')}"

    def serve(self):
        parts, repositories = self.parts, self.state.setdefault("repositories", {})
        if self.command == "PUT" and parts[0] == "upload":
            # A signed address: whoever has it may write, and a token has no business here.
            assert "authorization" not in self.headers, "the token was sent to the storage"
            text = self.body.decode()
            if sha256(text) != parts[1]:
                return self.refuse(400, "hash")
            self.state.setdefault("uploads", {})[parts[1]] = text
            return self.answer(200)
        if parts == ["api", "repos", "create"]:
            return self.create(json.loads(self.body))
        if parts == ["api", "validate-yaml"]:
            return self.answer(200, {"errors": [], "warnings": []})
        if parts[0] == "api":
            name, rest = "/".join(parts[2:4]), parts[4:]
        else:
            name, rest = "/".join(parts[:2]).removesuffix(".git"), parts[2:]
        repository = repositories.get(name)
        if repository is None or (repository.get("private") and not self.is_known):
            # The real hub does not tell strangers whether a repository is there.
            return self.refuse(404 if self.is_known else 401, "RepoNotFound")
        if repository.get("status"):
            return self.refuse(repository["status"])
        if self.command == "POST":
            if not self.is_known:
                return self.refuse(401 if "authorization" not in self.headers else 403)
            return self.write(name, repository, rest)
        return self.read(repository, rest)

    def create(self, asked):
        if not self.is_known:
            return self.refuse(401)
        name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
        if name in self.state["repositories"]:
            return self.answer(409, {"error": "exists", "url": name})
        assert not asked.get("private") and asked.get("visibility", "public") == "public"
        self.state["repositories"][name] = {"commits": [
            {"id": "0" * 40, "title": "initial commit", "files": {".gitattributes": "*.safetensors filter=lfs\n"}}]}
        self.answer(200, {"url": f"http://{self.headers['host']}/{name}", "name": name, "id": name})

    def read(self, repository, rest):
        commits = repository["commits"]
        wanted = rest[1] if len(rest) > 1 else "main"
        commit = next((one for one in commits if one["id"] == wanted), commits[-1] if wanted == "main" else None)
        if commit is None:
            return self.refuse(404, "RevisionNotFound")
        files = commit["files"]
        if not rest or rest[0] == "revision":
            return self.answer(200, {
                "id": "/".join(self.parts[2:4]), "sha": commit["id"], "private": bool(repository.get("private")),
                "gated": repository.get("gated", False), "disabled": False,
                "siblings": [described(*file) for file in sorted(files.items())]})
        if rest[0] == "commits":
            upto = commits[:commits.index(commit) + 1]
            return self.answer(200, [{"id": one["id"], "title": one["title"]} for one in reversed(upto)])
        if rest[0] == "tree":
            return self.answer(200, [
                {"type": "file", "path": name, "size": len(text.encode()), "oid": blob_id(text)}
                for name, text in sorted(files.items())])
        assert rest[0] == "resolve", f"nobody answers {self.path}"
        if repository.get("gated") and not self.is_known:
            return self.refuse(403, "GatedRepo")
        name = "/".join(rest[2:])
        if name not in files:
            return self.refuse(404, "EntryNotFound")
        self.send_file(name, files[name], commit["id"], repository.get("fault"))

    def send_file(self, name, text, commit, fault):
        data = text.encode()
        tag = sha256(text) if is_large(name) else blob_id(text)
        if is_large(name) and fault == "wrong":
            data = bytes(reversed(data))
        start = int((self.headers.get("range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
        headers = {"etag": f'"{tag}"', "x-repo-commit": commit, "accept-ranges": "bytes"}
        if start:
            headers["content-range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        rest = data[start:]
        cut = is_large(name) and fault == "cut" and self.command == "GET"
        # No connection outlives a file that was cut off.
        self.close_connection = cut
        shown = rest[:len(data) // 2 - start] if cut and start < len(data) // 2 else b"" if cut else rest
        self.answer(206 if start else 200, shown, headers, length=len(rest))

    def write(self, name, repository, rest):
        if rest[-1] == "batch":
            objects = json.loads(self.body)["objects"]
            for one in objects:
                # What is there already has nothing to be done.
                if one["oid"] not in self.state.get("uploads", {}):
                    place = f"http://{self.headers['host']}/upload/{one['oid']}"
                    one["actions"] = {"upload": {"href": place, "header": {}}}
            return self.answer(200, {"transfer": "basic", "objects": objects})
        files = repository["commits"][-1]["files"]
        if rest[0] == "preupload":
            return self.answer(200, {"files": [
                {"path": one["path"], "uploadMode": "lfs" if is_large(one["path"]) else "regular", "shouldIgnore": False,
                 "oid": self.oid(one["path"], files)} for one in json.loads(self.body)["files"]]})
        assert rest[0] == "commit", f"nobody answers {self.path}"
        files, title = dict(files), ""
        for line in self.body.splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "header":
                title = value["summary"]
            elif entry["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"]).decode()
            elif entry["key"] == "lfsFile":
                if value["oid"] not in self.state.get("uploads", {}):
                    return self.refuse(400, "the file was never uploaded")
                text = self.state["uploads"][value["oid"]]
                files[value["path"]] = text[::-1] if repository.get("fault") == "swap" else text
            elif entry["key"] == "deletedFile":
                del files[value["path"]]
        commit = hashlib.sha1(json.dumps([title, files, len(repository["commits"])]).encode()).hexdigest()
        repository["commits"].append({"id": commit, "title": title, "files": files})
        self.answer(200, {"commitUrl": f"http://{self.headers['host']}/{name}/commit/{commit}", "commitOid": commit,
                          "success": True})

    @staticmethod
    def oid(path, files):
        if path not in files:
            return None
        return sha256(files[path]) if is_large(path) else blob_id(files[path])


server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
