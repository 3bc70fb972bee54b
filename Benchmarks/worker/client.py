"""What somebody would write without Affine: asyncio, aiohttp, a semaphore. client.py URL TASKS AT_ONCE"""

import asyncio
import sys

import aiohttp


async def main(url, tasks, at_once):
    semaphore = asyncio.Semaphore(at_once)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(600)) as session:

        async def one(task):
            async with semaphore:
                call = {"method": "evaluate", "args": [], "kwargs": {"task_id": task, "seed": task, "model": "bench/client"}}
                async with session.post(f"{url}/bench/call", json=call) as answer:
                    return (await answer.json())["result"]["score"]

        scores = await asyncio.gather(*(one(task) for task in range(tasks)))
        assert len(scores) == tasks


asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
