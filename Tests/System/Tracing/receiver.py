"""Takes traces by OTLP over HTTP in JSON, as a collector does: what the official definition does not know is refused.

receiver.py FILE: prints its URL; each span that it took becomes a line of FILE."""

import base64
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from google.protobuf.json_format import ParseError, Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def in_base64(value):
    """OTLP writes identifiers in hexadecimal, where JSON of Protocol Buffers has base64."""
    if isinstance(value, list):
        return [in_base64(one) for one in value]
    if not isinstance(value, dict):
        return value
    changed = {}
    for key, one in value.items():
        if key in IDS:
            raw = bytes.fromhex(one)
            if len(raw) != IDS[key] or not any(raw):
                raise ValueError(f"{key} '{one}' is not {IDS[key]} bytes, not all of them 0")
            changed[key] = base64.b64encode(raw).decode()
        else:
            changed[key] = in_base64(one)
    return changed


def lines(request):
    for resources in request.resource_spans:
        resource = {a.key: a.value.string_value for a in resources.resource.attributes}
        for scope in resources.scope_spans:
            for span in scope.spans:
                if not span.name or not span.start_time_unix_nano or span.end_time_unix_nano < span.start_time_unix_nano:
                    raise ValueError(f"span '{span.name}' has no name or no times")
                yield {
                    "service": resource["service.name"], "worker": resource.get("service.instance.id"), "name": span.name,
                    "trace": span.trace_id.hex(), "span": span.span_id.hex(), "parent": span.parent_span_id.hex(),
                    "links": [link.trace_id.hex() for link in span.links], "is_error": span.status.code == 2,
                    "start": span.start_time_unix_nano, "end": span.end_time_unix_nano,
                    "attributes": {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes},
                }


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            if self.path != "/v1/traces" or self.headers["Content-Type"] != "application/json":
                raise ValueError(f"nothing takes {self.headers['Content-Type']} at {self.path}")
            if self.headers["x-tenant"] not in ("arena", "full"):
                raise ValueError("the tenant is not known")
            request = Parse(json.dumps(in_base64(json.loads(body))), ExportTraceServiceRequest())
            taken = list(lines(request))
        except (ValueError, ParseError) as error:
            return self.answer(400, {"code": 3, "message": str(error)})
        if self.headers["x-tenant"] == "full":
            return self.answer(200, {"partialSuccess": {"rejectedSpans": str(len(taken)), "errorMessage": "no room"}})
        with open(sys.argv[1], "a", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in taken)
        return self.answer(200, {})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Receiver)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
