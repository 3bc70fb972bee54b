"""A real worker and a hand-written asyncio client over the same server: who keeps it busy, and what that costs. The worker runs a
champion, of whose tasks nobody knows how long they take, and then a challenger, who begins what took the champion longest.

compare.py AF [TASKS] [AT_ONCE]"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
HOTKEYS = {
    "champion": "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY",
    "challenger": "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty",
}


def start(command, **options):
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def used(process):
    """Seconds on processors, and the most memory at once in MB, of a process that still runs."""
    stat = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    status = Path(f"/proc/{process.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"), peak / 1024


def end(process):
    process.send_signal(signal.SIGTERM)
    return process.communicate(timeout=120)[0]


def served(run):
    """What the server tells of what `run` asked of it, by model, and what `run` tells itself."""
    server = start([sys.executable, HERE / "server.py"])
    try:
        spent = run(server.stdout.readline().strip())
    finally:
        said = end(server)
    return json.loads(said), spent


def client(tasks, at_once):
    def run(url):
        process = start([sys.executable, HERE / "client.py", url, str(tasks), str(at_once)])
        spent = (0.0, 0.0)
        while process.poll() is None:
            try:
                spent = used(process)
            except (FileNotFoundError, StopIteration):
                break
            time.sleep(0.2)
        if process.wait() != 0:
            sys.exit("the client failed")
        return {"bench/client": spent}

    return run


def worker(af, tasks, at_once):
    def ask(folder, *command):
        return subprocess.run([af, *command, "--data", folder], check=True, capture_output=True, text=True).stdout

    def play(data, hands):
        """One model after the other, to the end; what each took."""
        spent, before = {}, used(hands)[0]
        ask(data, "chain", "observe", "100", "0x" + "1" * 64)
        for name, states in [("champion", "baseline"), ("challenger", "running")]:
            listed = ["window", "list"] if name == "champion" else ["contest", "list"]
            if name == "challenger":
                ask(data, "miner", "add", HOTKEYS[name], model(name), "--block", "2")
            # What begins, begins a moment later.
            while not (rows := json.loads(ask(data, *listed, "--json"))) or rows[0]["state"] == states:
                time.sleep(2)
            now, peak = used(hands)
            spent[f"bench/{name}"], before = (now - before, peak), now
        return spent

    def model(name):
        return f"bench/{name}@" + "a" * 40

    def run(url):
        with tempfile.TemporaryDirectory() as folder:
            # Postgres does not run as root.
            os.chmod(folder, 0o755)
            data = f"{folder}/data"
            rules = ["--rerun-tasks", "0", "--look-ahead", "0", "--no-curtail"]
            up = start([af, "up", "--json", "--data", data, *rules], stderr=subprocess.DEVNULL)
            hands = None
            try:
                database = json.loads(up.stdout.readline())["worker_database_url"]
                ask(data, "env", "define", "bench", "--base-url", f"{url}/bench", "--sampling-count", str(tasks), "--range",
                    f"0..<{tasks}", "--timeout", "600")
                ask(data, "miner", "add", HOTKEYS["champion"], model("champion"), "--block", "1")
                endpoints = [word for name in HOTKEYS for word in ("--endpoint", f"{model(name)}={url}/{name}/v1")]
                hands = start(
                    [af, "worker", "run", "--concurrency", str(at_once), *endpoints],
                    env=os.environ | {"AFFINE_DATABASE_URL": database}, stderr=subprocess.DEVNULL)
                time.sleep(2)
                return play(data, hands)
            finally:
                for process in filter(None, [hands, up]):
                    end(process)

    return run


def main():
    af = sys.argv[1]
    tasks = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    at_once = int(sys.argv[3]) if len(sys.argv) > 3 else 256
    makespans = {}
    for run in [client(tasks, at_once), worker(af, tasks, at_once)]:
        told, spent = served(run)
        for name, (processors, memory) in spent.items():
            one = told[name]
            if one["calls"] != tasks:
                sys.exit(f"{name}: {one['calls']} calls for {tasks} tasks")
            least = max(one["work"] / at_once, one["longest"])
            makespans[name] = one["makespan"]
            print(
                f"{name:17} {tasks} tasks, {one['most_at_once']} at once: {one['makespan']:.1f} s, {least / one['makespan']:.1%} of the "
                f"least there is ({least:.1f} s); {processors / tasks * 1000:.2f} ms of processors a task, {memory:.0f} MB", flush=True)
    for name in ["bench/champion", "bench/challenger"]:
        print(f"the worker takes {makespans[name] / makespans['bench/client']:.3f} of the client's time for {name}")


main()
