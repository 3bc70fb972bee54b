"""A chain in memory under the real SDK client: what the bridge asks of one, in the shapes a node answers with.

Run as the bridge is (`stand_in.py watch …`), with AFFINE_STAND_IN naming a JSON file:

    {"blocks": [100, 101], "neurons": {"3": ["5F…", 90]}, "reveals": {"5F…": [[95, "{…}"]]}, "sealed": {"5F…": 99}, "rate_limit": 0,
     "plain": {"5F…": [98, "{…}"]}, "silent": false, "patience": 480}
"""

import asyncio
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import bittensor as bt  # noqa: E402
from bittensor import timelock  # noqa: E402
from bittensor.result import ChainError, ErrorCode, ExtrinsicResult  # noqa: E402

import bridge  # noqa: E402


class Chain:
    """Refuses what the real one refuses: weights of who is not registered, too early, or unsigned."""

    def __init__(self, path):
        self.path = path
        self.state = json.loads(Path(path).read_text())
        self.token_symbols = {}
        bridge.PATIENCE = self.state.get("patience", bridge.PATIENCE)
        bridge.wait_anew()

    async def connect(self):
        pass

    async def close(self):
        pass

    async def block_number(self):
        return self.state["blocks"][-1]

    async def finalized_block_number(self):
        return self.state["blocks"][-1]

    async def block_time(self):
        return 12.0

    async def block_hash(self, block=None):
        return f"0x{(self.state['blocks'][-1] if block is None else block):064x}"

    async def blocks(self, *, finalized=False):
        assert finalized, "the bridge may look at final blocks only"
        for number in self.state["blocks"]:
            yield {"header": {"number": number, "parentHash": f"0x{number - 1:064x}"}}
        if self.state.get("silent"):
            await asyncio.sleep(3600)

    async def query_map(self, module, storage_function, params=None, block_hash=None):
        neurons = self.state.get("neurons", {})
        return {
            "Keys": lambda: [(int(uid), hotkey) for uid, (hotkey, _) in neurons.items()],
            "Uids": lambda: [(hotkey, int(uid)) for uid, (hotkey, _) in neurons.items()],
            "BlockAtRegistration": lambda: [(int(uid), block) for uid, (_, block) in neurons.items()],
            "CommitmentOf": lambda: [
                (hotkey, {"block": block, "deposit": 0, "info": {"fields": [
                    {"TimelockEncrypted": {"encrypted": "0x00", "reveal_round": 1 << 40}}]}})
                for hotkey, block in self.state.get("sealed", {}).items()
            ] + [
                (hotkey, {"block": block, "deposit": 0, "info": {"fields": [{f"Raw{len(text)}": "0x" + text.encode().hex()}]}})
                for hotkey, (block, text) in self.state.get("plain", {}).items()
            ],
            # The payload is SCALE-encoded bytes: its length, then the text.
            "RevealedCommitments": lambda: [
                (hotkey, [("0x" + scale(text).hex(), block) for block, text in entries])
                for hotkey, entries in self.state.get("reveals", {}).items()
            ],
        }.get(storage_function, list)()

    async def query(self, module, storage_function, params=None, block_hash=None):
        if storage_function == "Uids":
            held = {hotkey: int(uid) for uid, (hotkey, _) in self.state.get("neurons", {}).items()}
            return held.get(params[1])
        return {
            "CommitRevealWeightsEnabled": False,
            "WeightsSetRateLimit": self.state.get("rate_limit", 0),
            "LastUpdate": [self.state["blocks"][-1]] * 4_096,
            "MinAllowedWeights": 1,
            "MaxWeightsLimit": 65_535,
        }.get(storage_function)

    async def query_batch(self, module, storage_function, param_sets, block_hash=None):
        return [await self.query(module, storage_function, params) for params in param_sets]

    async def compose(self, call):
        return call

    async def submit(self, call, keypair, **options):
        assert options.get("wait_for_finalization", True), "what is signed counts once it is final"
        if call[1] == "set_commitment":
            return self.commit(call[2]["info"]["fields"], keypair.ss58_address)
        if self.state.get("silent"):
            await asyncio.sleep(3600)
        self.state["taken"] = {
            "signer": keypair.ss58_address, "uids": call[2]["dests"], "weights": call[2]["weights"],
        }
        return self.included()

    def commit(self, fields, signer):
        """One field, sealed for a round of the beacon that is still to come, from a hotkey that is registered."""
        [[field]] = fields
        sealed = field["TimelockEncrypted"]
        assert timelock.current_round() < sealed["reveal_round"] < timelock.current_round() + 40
        assert bytes(sealed["encrypted"]).endswith(b"AES_GCM_"), "the inner ciphertext, without its round"
        if signer not in [hotkey for hotkey, _ in self.state.get("neurons", {}).values()]:
            self.state["refuses"] = "AccountNotAllowedCommit"
        else:
            self.state.setdefault("sealed", {})[signer] = self.state["blocks"][-1] + 1
            self.state["ciphertext_bytes"] = len(sealed["encrypted"])
        return self.included()

    def included(self):
        # Whole or not at all: whoever follows it reads at any moment.
        beside = Path(f"{self.path}.new")
        beside.write_text(json.dumps(self.state))
        beside.replace(self.path)
        if self.state.get("refuses"):
            return ExtrinsicResult(
                False, self.state["refuses"], error=ChainError(self.state["refuses"], code=ErrorCode.UNKNOWN))
        return ExtrinsicResult(True, extrinsic_id=f"{self.state['blocks'][-1] + 1}-2")


def scale(text):
    """SCALE: a compact length in one, two or four bytes, then the bytes."""
    data = text.encode()
    length = len(data)
    if length < 1 << 6:
        return bytes([length << 2]) + data
    if length < 1 << 14:
        return (length << 2 | 1).to_bytes(2, "little") + data
    return (length << 2 | 2).to_bytes(4, "little") + data


if __name__ == "__main__":
    sys.exit(
        bridge.main(
            connect=lambda arguments: bt.Client("local", substrate=Chain(os.environ["AFFINE_STAND_IN"]))
        )
    )
