"""An environment and a model that cost no computation: each task takes as long as its number says, half a second in the mean with a
heavy tail (log-normal, sigma 1). Prints its URL; on SIGTERM it says how long it was asked and how much of that it was busy."""

import asyncio
import hashlib
import json
import math
import random
import signal
import sys
import time

MEAN, SIGMA = 0.5, 1.0


def seconds(task):
    """The same for everybody who asks."""
    seed = hashlib.sha256(f"task {task}".encode()).digest()
    return random.Random(seed).lognormvariate(math.log(MEAN) - SIGMA * SIGMA / 2, SIGMA)


class Server:
    def __init__(self):
        self.first, self.last, self.busy, self.calls = math.inf, 0.0, 0.0, 0
        self.under_way = self.most = 0
        self.longest = 0.0

    async def serve(self, reader, writer):
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next((int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")), 0)
                body = await reader.readexactly(length)
                answer = await self.answer(head.split(" ")[1], body)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def answer(self, path, body):
        if path.endswith("/models"):
            return b'{"object": "list", "data": [{"id": "bench/model"}]}'
        task = json.loads(body)["kwargs"]["task_id"]
        began, duration = time.monotonic(), seconds(task)
        self.first, self.calls, self.under_way = min(self.first, began), self.calls + 1, self.under_way + 1
        self.most, self.longest = max(self.most, self.under_way), max(self.longest, duration)
        await asyncio.sleep(duration)
        self.under_way -= 1
        self.last, self.busy = max(self.last, time.monotonic()), self.busy + duration
        return b'{"result": {"score": 0.5}, "status": "success"}'

    def report(self):
        return {
            "calls": self.calls, "makespan": self.last - self.first, "work": self.busy, "longest": self.longest,
            "most_at_once": self.most,
        }


async def main():
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    print(json.dumps(server.report()), flush=True)
    sys.stdout.flush()


asyncio.run(main())
