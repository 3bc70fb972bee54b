"""Compares every command line in deploy/ with the program's help: subcommands exist, and take the options that they are given.

Usage: check-command-lines.py PROGRAM
"""
import glob
import json
import shlex
import subprocess
import sys

import yaml


def lists(value):
    """Every `args` and `command` that is a list, anywhere in a document."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("args", "command") and isinstance(inner, list):
                yield [str(word) for word in inner]
            else:
                yield from lists(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from lists(inner)


def lines():
    for file in sorted(glob.glob("deploy/compose/compose*.yaml") + glob.glob("deploy/kubernetes/*.yaml")):
        for document in yaml.safe_load_all(open(file)):
            for words in lists(document):
                yield file, words
    for file in sorted(glob.glob("deploy/systemd/*.service")):
        for line in open(file):
            name, _, value = line.lstrip("# ").partition("=")
            if name == "ExecStart":
                start = shlex.split(value.replace("$AFFINE_OPTIONS", ""))[1:]
                yield file, start
            elif name == "AFFINE_OPTIONS":
                options.setdefault(file, []).append(shlex.split(value))
        for more in options.get(file, []):
            yield file, start + more


options = {}


def complaint(words, command):
    words = list(words)
    while words and (below := {one["commandName"]: one for one in command.get("subcommands", [])}):
        if words[0] not in below:
            return f"there is no '{words[0]}'"
        command = below[words.pop(0)]
    named = {name["name"]: one for one in command.get("arguments", []) for name in one.get("names", [])}
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            return f"'{word}' is no option"
        one = named.get(word[2:])
        if one is None:
            return f"it takes no {word}"
        if one["kind"] == "option":
            if not words:
                return f"{word} has no value"
            words.pop(0)
    return None


def main():
    help_text = subprocess.run([sys.argv[1], "--experimental-dump-help"], check=True, capture_output=True, text=True).stdout
    root = json.loads(help_text)["command"]
    ours = {one["commandName"] for one in root["subcommands"]}
    checked, wrong = 0, 0
    for file, words in lines():
        # Images of others have commands of their own.
        if words and words[0] not in ours and words[0] not in ("af",):
            if words[0] in ("postgres",) or words[0].startswith("--"):
                continue
        checked += 1
        if found := complaint(words, root):
            print(f"{file}: af {' '.join(words)}: {found}")
            wrong += 1
    print(f"{checked} command lines")
    return 1 if wrong or checked < 8 else 0


sys.exit(main())
