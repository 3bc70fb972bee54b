"""An environment and a model that cost no computation: each task takes as long as its number says, half a second in the mean with a
heavy tail (log-normal, sigma 1). Prints its URL; on SIGTERM it says of each model how long it was asked and how much work that was."""

import asyncio
import hashlib
import json
import math
import random
import signal
import time

MEAN, SIGMA = 0.5, 1.0


def seconds(task):
    """The same for everybody who asks."""
    seed = hashlib.sha256(f"task {task}".encode()).digest()
    return random.Random(seed).lognormvariate(math.log(MEAN) - SIGMA * SIGMA / 2, SIGMA)


class Tally:
    """What was asked of one model."""

    def __init__(self):
        self.first, self.last, self.work, self.calls = math.inf, 0.0, 0.0, 0
        self.under_way = self.most = 0
        self.longest = 0.0

    def begin(self, duration):
        self.first, self.calls, self.under_way = min(self.first, time.monotonic()), self.calls + 1, self.under_way + 1
        self.most, self.longest, self.work = max(self.most, self.under_way), max(self.longest, duration), self.work + duration

    def end(self):
        self.under_way, self.last = self.under_way - 1, time.monotonic()

    def report(self):
        return {
            "calls": self.calls, "makespan": self.last - self.first, "work": self.work, "longest": self.longest,
            "most_at_once": self.most,
        }


class Server:
    def __init__(self):
        self.tallies = {}

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
            # Each model has its own place: /NAME/v1.
            return json.dumps({"object": "list", "data": [{"id": f"bench/{path.split('/')[1]}"}]}).encode()
        asked = json.loads(body)["kwargs"]
        tally, duration = self.tallies.setdefault(asked["model"], Tally()), seconds(asked["task_id"])
        tally.begin(duration)
        await asyncio.sleep(duration)
        tally.end()
        return b'{"result": {"score": 0.5}, "status": "success"}'


async def main():
    server = Server()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    print(json.dumps({model: tally.report() for model, tally in server.tallies.items()}), flush=True)


asyncio.run(main())
