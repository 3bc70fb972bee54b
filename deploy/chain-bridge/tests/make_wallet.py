"""Makes an unencrypted wallet in a folder for tests, and prints its hotkey: make_wallet.py FOLDER"""

import contextlib
import io
import sys

import bittensor as bt

wallet = bt.Wallet("cold", "hot", path=sys.argv[1])
with contextlib.redirect_stdout(io.StringIO()):
    wallet.create_new_coldkey(use_password=False, suppress=True)
    wallet.create_new_hotkey(use_password=False, suppress=True)
print(wallet.hotkey.ss58_address)
