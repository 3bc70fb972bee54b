"""The chain through the official SDK, for Affine's coordinator.

    bridge.py watch --network finney --netuid 120
    bridge.py set-weights --network finney --netuid 120 --wallet NAME --hotkey NAME 0=300000000 5=700000000

`watch` prints a greeting, then for each final block one line of JSON: the head, who holds which uid since when, and every
commitment that was revealed. `set-weights` prints the block that took the weights, once it is final. Errors go to standard
error, the last line saying what is wrong; private keys are read by the SDK from the wallet's files and appear nowhere else.
"""

import argparse
import asyncio
import json
import sys

import bittensor as bt
from bittensor.metagraph import fetch_commitments

PROTOCOL = 1


def say(message):
    print(json.dumps(message, separators=(",", ":"), sort_keys=True), flush=True)


async def view(client, netuid, number):
    """The subnet as it stands at a block: nothing of it can disappear once the block is final."""
    snapshot = await client.at(number)
    hotkeys, registered, commitments, block_hash = await asyncio.gather(
        snapshot.query_map(("SubtensorModule", "Keys"), [netuid]),
        snapshot.query_map(("SubtensorModule", "BlockAtRegistration"), [netuid]),
        fetch_commitments(snapshot, netuid),
        client._substrate.block_hash(number),
    )
    since = {int(uid): int(block) for uid, block in registered}
    neurons = [
        {"uid": int(uid), "hotkey": str(hotkey), "registered_block": since.get(int(uid), 0)}
        for uid, hotkey in sorted(hotkeys, key=lambda row: int(row[0]))
    ]
    reveals = []
    for commitment in commitments.values():
        shown = [(block, text) for block, text in commitment.revealed if block <= number]
        if commitment.status == "plain" and commitment.data:
            shown.append((commitment.block, commitment.data))
        reveals += [{"hotkey": commitment.hotkey, "block": int(block), "payload": text} for block, text in shown]
    reveals.sort(key=lambda reveal: (reveal["block"], reveal["hotkey"]))
    return {
        "head": {"number": number, "hash": str(block_hash).removeprefix("0x")},
        "neurons": neurons,
        "reveals": reveals,
    }


async def watch(client, arguments):
    say({"bridge": PROTOCOL, "sdk": bt.__version__})
    async with client:
        async for header in client.blocks(finalized=True):
            say(await view(client, arguments.netuid, int(header.number)))


async def set_weights(client, arguments):
    weights = dict(pair.split("=", 1) for pair in arguments.weights)
    wallet = bt.Wallet(
        arguments.wallet, arguments.hotkey, **({"path": arguments.wallet_path} if arguments.wallet_path else {})
    )
    intent = bt.SetWeights(
        netuid=arguments.netuid,
        uids=[int(uid) for uid in weights],
        weights=[int(share) / 1e9 for share in weights.values()],
    )
    async with client:
        result = await client.execute(intent, wallet, wait_for_inclusion=True, wait_for_finalization=True)
        result.raise_for_failure()
        block = int(str(result.extrinsic_id).split("-")[0]) if result.extrinsic_id else await client.finalized_block()
        say({"block": block})


def parse(words):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("watch", "set-weights"):
        command = commands.add_parser(name)
        command.add_argument("--network", default="finney", help="finney, test, local, or a ws:// address")
        command.add_argument("--netuid", type=int, default=120)
        if name == "set-weights":
            command.add_argument("--wallet", required=True)
            command.add_argument("--hotkey", required=True)
            command.add_argument("--wallet-path")
            command.add_argument("weights", nargs="+", metavar="UID=SHARE", help="shares in 1e-9")
    return parser.parse_args(words)


def main(words=None, connect=lambda arguments: bt.Client(arguments.network)):
    arguments = parse(words)
    action = {"watch": watch, "set-weights": set_weights}[arguments.command]
    try:
        asyncio.run(action(connect(arguments), arguments))
    except KeyboardInterrupt:
        return 0
    except Exception as error:
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
