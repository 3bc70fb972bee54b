"""The chain through the official SDK, for Affine's coordinator.

    bridge.py watch --network finney --netuid 120
    bridge.py set-weights --network finney --netuid 120 --wallet NAME --hotkey NAME 0=300000000 5=700000000
    bridge.py standing --network finney --netuid 120 --wallet NAME --hotkey NAME
    bridge.py commit --network finney --netuid 120 --wallet NAME --hotkey NAME TEXT

`watch` prints a greeting, then for each final block one line of JSON: the head, who holds which uid since when, and every
commitment that was revealed. `set-weights` prints the block that took the weights, once it is final. `standing` prints what the
chain shows of the wallet's hotkey, and `commit` the block that took its commitment, once that is final, with the time at which
the chain can open it. Errors go to standard error, the last line saying what is wrong; private keys are read by the SDK from
the wallet's files and appear nowhere else.
"""

import argparse
import asyncio
import json
import os
import signal
import sys

import bittensor as bt
import bittensor_core
from bittensor import timelock
from bittensor.metagraph import fetch_commitments

PROTOCOL = 1
# Seconds of silence after which the process ends, for whoever started it to begin again. The SDK takes silence for peace.
PATIENCE = 480


def say(message):
    print(json.dumps(message, separators=(",", ":"), sort_keys=True), flush=True)


def wait_anew():
    """Begins to count the seconds of silence."""
    signal.alarm(PATIENCE)


def give_up(*_):
    print(f"the chain said nothing for {PATIENCE} s", file=sys.stderr, flush=True)
    os._exit(1)


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
            wait_anew()


def opened(arguments):
    place = {"path": arguments.wallet_path} if arguments.wallet_path else {}
    return bt.Wallet(arguments.wallet, arguments.hotkey, **place)


async def block_of(client, result):
    """The block that took an extrinsic; raises what the chain said of one that it refused."""
    result.raise_for_failure()
    return int(str(result.extrinsic_id).split("-")[0]) if result.extrinsic_id else await client.finalized_block()


async def set_weights(client, arguments):
    weights = dict(pair.split("=", 1) for pair in arguments.weights)
    wallet = opened(arguments)
    intent = bt.SetWeights(
        netuid=arguments.netuid,
        uids=[int(uid) for uid in weights],
        weights=[int(share) / 1e9 for share in weights.values()],
    )
    async with client:
        result = await client.execute(intent, wallet, wait_for_inclusion=True, wait_for_finalization=True)
        say({"block": await block_of(client, result)})


async def standing(client, arguments):
    """The hotkey as the last final block has it, and a commitment of it that the chain can't open yet."""
    hotkey = opened(arguments).hotkeypub.ss58_address
    async with client:
        shown = await view(client, arguments.netuid, await client.finalized_block())
        newest = (await fetch_commitments(client, arguments.netuid))[hotkey]
    slot = next((neuron for neuron in shown["neurons"] if neuron["hotkey"] == hotkey), None)
    say({
        "hotkey": hotkey,
        "block": shown["head"]["number"],
        "uid": slot and slot["uid"],
        "reveals": [reveal for reveal in shown["reveals"] if reveal["hotkey"] == hotkey],
        "sealed_block": newest.block if newest and newest.status == "sealed" else None,
    })


async def commit(client, arguments):
    """Publishes a text sealed until the next block's time; the chain then opens it, and it counts from the block that does."""
    wallet = opened(arguments)
    async with client:
        known = (await fetch_commitments(client, arguments.netuid))[wallet.hotkeypub.ss58_address]
        if known and not arguments.again:
            raise RuntimeError(f"the hotkey has a commitment since block {known.block}: a second one ends the miner")
        # The chain's reader expects the text behind its length, which the SDK's own timelock leaves out.
        sealed, reveal_round = bittensor_core.get_encrypted_commitment(arguments.text, 1, await client.block_time())
        field = {"TimelockEncrypted": {"encrypted": sealed, "reveal_round": reveal_round}}
        call = bt.calls.Commitments.set_commitment(arguments.netuid, {"fields": [[field]]})
        result = await client.submit_call(
            call, wallet, signer="hotkey", wait_for_inclusion=True, wait_for_finalization=True
        )
        opens = timelock.reveal_time(reveal_round).isoformat(timespec="seconds").replace("+00:00", "Z")
        say({"block": await block_of(client, result), "opens_at": opens})


ACTIONS = {"watch": watch, "set-weights": set_weights, "standing": standing, "commit": commit}


def parse(words):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ACTIONS:
        command = commands.add_parser(name)
        command.add_argument("--network", default="finney", help="finney, test, local, or a ws:// address")
        command.add_argument("--netuid", type=int, default=120)
        if name != "watch":
            command.add_argument("--wallet", required=True)
            command.add_argument("--hotkey", required=True)
            command.add_argument("--wallet-path")
        if name == "commit":
            command.add_argument("--again", action="store_true", help="also when the hotkey has a commitment already")
            command.add_argument("text")
        if name == "set-weights":
            command.add_argument("weights", nargs="+", metavar="UID=SHARE", help="shares in 1e-9")
    return parser.parse_args(words)


def main(words=None, connect=lambda arguments: bt.Client(arguments.network)):
    arguments = parse(words)
    signal.signal(signal.SIGALRM, give_up)
    wait_anew()
    try:
        asyncio.run(ACTIONS[arguments.command](connect(arguments), arguments))
    except KeyboardInterrupt:
        return 0
    except Exception as error:
        print(f"{type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
