"""The fastest of three runs of each panel's query and each ops view, as the role of a dashboard, the slowest first."""

import json
import re
import subprocess
import sys
from pathlib import Path


def queries():
    for file in sorted(Path("deploy/grafana/dashboards").glob("*.json")):
        waiting = [json.loads(file.read_text())]
        while waiting:
            panel = waiting.pop()
            waiting += panel.get("panels", [])
            for target in panel.get("targets", []):
                # What Grafana makes of it before it sends it.
                sql = re.sub(r"\$__timeFilter\((\w+)\)", r"\1 BETWEEN now() - interval '6 hours' AND now()", target["rawSql"])
                yield f"{file.stem}: {panel['title']}", re.sub(r"\$window\b", "1", sql)


def psql(script):
    return subprocess.run(
        ["psql", "-X", "-q", "-A", "-t", "-d", sys.argv[1]], input=script, capture_output=True, text=True, check=False)


def milliseconds(sql):
    # Every column is made; none is sent.
    whole = f"SELECT sum(length(row::text)) FROM ({sql}) AS row;\n"
    answer = psql(f"SET statement_timeout = '120s';\nSET ROLE affine_dashboard;\n\\timing on\n{whole * 3}")
    times = re.findall(r"Time: ([0-9.]+) ms", answer.stdout)
    return min(map(float, times)) if len(times) == 3 and not answer.stderr else float("inf")


views = psql("SELECT viewname FROM pg_views WHERE schemaname = 'ops' ORDER BY 1").stdout.split()
asked = [*queries(), *((f"ops.{view}", f"SELECT * FROM ops.{view} LIMIT 1000") for view in views)]
for time, place in sorted(((milliseconds(sql), place) for place, sql in asked), reverse=True):
    print(f"{time:10.1f} ms  {place}")
