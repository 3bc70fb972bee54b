"""Draws task pools as docs/window.md describes, from that page alone.

Reads lines `window block_hash environment sampling_count selection lower:upper[,lower:upper...]`; answers each with the
pool's task ids and, after a bar, the evaluation seed of the first of them.
"""
import hashlib
import sys


def sha256(data):
    return hashlib.sha256(data).digest()


def words(key):
    block = 0
    while True:
        digest = sha256(key + block.to_bytes(8, "big"))
        yield from (int.from_bytes(digest[i:i + 8], "big") for i in (0, 8, 16, 24))
        block += 1


def below(bound, stream):
    accepted = 2**64 - 2**64 % bound
    return next(word for word in stream if word < accepted) % bound


def task_id(ranges, index):
    for lower, upper in ranges:
        if index < upper - lower:
            return lower + index
        index -= upper - lower


def merged(ranges):
    out = []
    for lower, upper in sorted(r for r in ranges if r[0] < r[1]):
        if out and lower <= out[-1][1]:
            out[-1][1] = max(upper, out[-1][1])
        else:
            out.append([lower, upper])
    return out


for line in sys.stdin:
    window, block_hash, environment, count, selection, text = line.split()
    ranges = merged([tuple(map(int, part.split(":"))) for part in text.split(",")])
    total = sum(upper - lower for lower, upper in ranges)
    size = min(-(-11 * int(count) // 10), total)
    seed = hashlib.sha256(f"affine/window/1\n{window}\n{block_hash.removeprefix('0x').lower()}\n".encode()).hexdigest()
    stream = words(sha256(f"affine/draw/1\n{seed}\n{environment}\n".encode()))
    first = total - size if selection == "latest" else 0
    places, pool = {}, []
    for i in range(size):
        j = i + below(total - first - i, stream)
        places[i], places[j] = places.get(j, j), places.get(i, i)
        pool.append(task_id(ranges, first + places[i]))
    evaluation = int.from_bytes(sha256(f"{environment}:{pool[0]}".encode())[:8], "big") % 2**32
    print(*pool, "|", evaluation)
