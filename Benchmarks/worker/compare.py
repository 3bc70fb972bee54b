"""A real worker and a hand-written asyncio client over the same server: who keeps it busy, and what that costs.

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
HOTKEY = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
MODEL = "bench/model@" + "a" * 40


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
    """What the server tells of what `run` asked of it."""
    server = start([sys.executable, HERE / "server.py"])
    try:
        spent = run(server.stdout.readline().strip())
    finally:
        said = end(server)
    return json.loads(said) | spent


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
        return {"cpu": spent[0], "memory": spent[1]}

    return run


def worker(af, tasks, at_once):
    def ask(folder, *command):
        return subprocess.run([af, *command, "--data", folder], check=True, capture_output=True, text=True).stdout

    def run(url):
        with tempfile.TemporaryDirectory() as folder:
            # Postgres does not run as root.
            os.chmod(folder, 0o755)
            data = f"{folder}/data"
            up = start([af, "up", "--json", "--data", data, "--rerun-tasks", "0", "--look-ahead", "0"], stderr=subprocess.DEVNULL)
            hands = None
            try:
                database = json.loads(up.stdout.readline())["worker_database_url"]
                ask(data, "env", "define", "bench", "--base-url", f"{url}/bench", "--sampling-count", str(tasks), "--range",
                    f"0..<{tasks}", "--timeout", "600")
                ask(data, "miner", "add", HOTKEY, MODEL, "--block", "1")
                hands = start(
                    [af, "worker", "run", "--concurrency", str(at_once), "--endpoint", f"{MODEL}={url}/v1"],
                    env=os.environ | {"AFFINE_DATABASE_URL": database}, stderr=subprocess.DEVNULL)
                time.sleep(2)
                idle = used(hands)
                ask(data, "chain", "observe", "100", "0x" + "1" * 64)
                # A window opens a moment after its block was seen.
                while not (windows := json.loads(ask(data, "window", "list", "--json"))) or windows[0]["state"] == "baseline":
                    time.sleep(2)
                spent = used(hands)
            finally:
                for process in filter(None, [hands, up]):
                    end(process)
            return {"cpu": spent[0] - idle[0], "memory": spent[1]}

    return run


def main():
    af = sys.argv[1]
    tasks = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
    at_once = int(sys.argv[3]) if len(sys.argv) > 3 else 256
    makespans = {}
    for name, run in [("asyncio client", client(tasks, at_once)), ("af worker run", worker(af, tasks, at_once))]:
        told = served(run)
        if told["calls"] != tasks:
            sys.exit(f"{name} made {told['calls']} calls for {tasks} tasks")
        least = max(told["work"] / at_once, told["longest"])
        makespans[name] = told["makespan"]
        print(
            f"{name:15} {tasks} tasks, {told['most_at_once']} at once: {told['makespan']:.1f} s, {least / told['makespan']:.1%} of the "
            f"least there is ({least:.1f} s); {told['cpu'] / tasks * 1000:.2f} ms of processors a task, {told['memory']:.0f} MB", flush=True)
    print(f"the worker takes {makespans['af worker run'] / makespans['asyncio client']:.3f} of the client's time")


main()
