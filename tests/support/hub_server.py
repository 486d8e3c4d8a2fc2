"""A model hub's routes for making a repository and committing files, in a thread: what was sent is kept."""

import base64
import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

KEY = "hf_the_right_key"


class Hub(ThreadingHTTPServer):
    """`files` by repository and name; large ones are asked for by LFS, as hubs do for weights."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.private, self.stored = {}, {}, {}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def running():
    hub = Hub()
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def do_GET(self):
        path = urlsplit(self.path).path
        if not self._is_known():
            return
        if path == "/api/whoami-v2":
            self._answer({"name": "me", "type": "user", "auth": {"accessToken": {"role": "write"}}})
        elif path.startswith("/api/models/"):
            repo = "/".join(path.split("/")[3:5])
            self._answer({"id": repo, "sha": "0" * 40, "siblings": [], "private": self.server.private.get(repo, False)})
        else:
            self._answer({"error": f"no route {path}"}, 404)

    def do_PUT(self):
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.stored[hashlib.sha256(content).hexdigest()] = content
        self._answer({})

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urlsplit(self.path).path
        if not self._is_known():
            return
        if path == "/api/repos/create":
            asked = json.loads(body)
            repo = f"{asked.get('organization') or 'me'}/{asked['name']}"
            self.server.private[repo] = asked.get("visibility") == "private"
            self.server.files.setdefault(repo, {})
            self._answer({"url": f"{self.server.url}/{repo}", "name": repo, "id": repo})
        elif "/preupload/" in path:
            files = json.loads(body)["files"]
            mode = {True: "lfs", False: "regular"}
            found = [{"path": f["path"], "uploadMode": mode[f["path"].endswith("safetensors")]} for f in files]
            self._answer({"files": [{**file, "shouldIgnore": False, "oid": None} for file in found]})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            upload = {"upload": {"href": f"{self.server.url}/store", "header": {}}}
            self._answer(
                {"transfer": "basic", "objects": [{**item, "actions": upload} for item in objects]},
                kind="application/vnd.git-lfs+json",
            )
        elif "/commit/" in path:
            self._commit("/".join(path.split("/")[3:5]), body)
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        else:
            self._answer({"error": f"no route {path}"}, 404)

    def _commit(self, repo, body):
        for line in body.decode().splitlines():
            entry = json.loads(line)
            value = entry["value"]
            if entry["key"] == "file":
                self.server.files[repo][value["path"]] = base64.b64decode(value["content"])
            elif entry["key"] == "lfsFile":
                self.server.files[repo][value["path"]] = self.server.stored[value["oid"]]
        self._answer({"commitUrl": f"{self.server.url}/{repo}/commit/1", "commitOid": "1" * 40, "success": True})

    def _is_known(self):
        if self.headers.get("Authorization") == f"Bearer {KEY}":
            return True
        self._answer({"error": "Invalid username or password."}, 401)
        return False

    def _answer(self, value, status=200, kind="application/json"):
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
