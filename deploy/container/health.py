"""Exits with 0 when the command that runs in this container is well: whoever serves the API has to answer there."""
import pathlib
import sys
import urllib.request


def command_lines():
    for process in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = process.read_bytes().decode().split("\0")
        except OSError:
            continue
        if words[0].endswith("/af"):
            yield words


def main():
    lines = list(command_lines())
    if not lines:
        return "af does not run"
    for words in lines:
        if "--api-port" in words:
            port = words[words.index("--api-port") + 1]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/health", timeout=4) as reply:
                reply.read()
    return 0


if __name__ == "__main__":
    sys.exit(main())
