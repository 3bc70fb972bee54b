"""Models from and to the HuggingFace hub through its official library, for Affine's miner commands.

    hub.py pull owner/name COMMIT FOLDER
    hub.py push owner/name FOLDER --message TITLE

Prints a greeting, then one line of JSON for each file that is done, and at last what came of it. Every file is compared with
the hash that the hub has of it. HF_ENDPOINT says where the hub is, HF_TOKEN authorises; a token that was saved by a login is not
used. The last line of one that failed is {"error": …}; the library's own warnings go to standard error.
"""

import argparse
import hashlib
import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_UPDATE_CHECK"] = "1"

import huggingface_hub  # noqa: E402
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, errors  # noqa: E402

PROTOCOL = 1
CONNECTIONS = 4
# What tools leave in a folder that is no part of a model; the hub keeps a .gitattributes of its own.
LEFT_OUT = {".git", ".cache", "__pycache__"}
KEPT = {".gitattributes"}


def say(**message):
    print(json.dumps(message, separators=(",", ":"), sort_keys=True), flush=True)


class Refused(Exception):
    """What is wrong, in words that are meant for people."""


def check(path, sibling):
    """Raises unless the file is the one that the hub has: SHA-256 for large files, git's hash for the others."""
    large = sibling.lfs
    digest = hashlib.sha256() if large else hashlib.sha1(f"blob {path.stat().st_size}\0".encode())
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    expected = large.sha256 if large else sibling.blob_id
    if digest.hexdigest() != expected:
        raise Refused(f"'{sibling.rfilename}' has the hash {digest.hexdigest()}, but the hub says {expected}")


def pull(api, arguments):
    target = Path(arguments.folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Refused(f"'{target}' is there already: name a folder that is not")
    info = api.model_info(arguments.repository, revision=arguments.revision, files_metadata=True)
    if info.sha != arguments.revision:
        raise Refused(f"revision '{arguments.revision}' is no commit: the hub resolves it to {info.sha}")
    # What was fetched before an interruption is used again; nobody takes this folder for the model.
    partial = target.with_name(f"{target.name}.partial-{info.sha[:12]}")
    partial.mkdir(parents=True, exist_ok=True)
    total = sum(file.size or 0 for file in info.siblings)
    there = sum(file.stat().st_size for file in partial.rglob("*") if file.is_file())
    free = shutil.disk_usage(partial).free
    if total - there > free:
        raise Refused(f"the model has {total} bytes, {there} of them fetched, but '{partial}' has room for {free} more")

    def fetch(sibling):
        path = Path(api.hf_hub_download(
            arguments.repository, sibling.rfilename, revision=info.sha, local_dir=partial, token=api.token))
        try:
            check(path, sibling)
        except Refused:
            path.unlink()
            raise
        return sibling

    done = 0
    with ThreadPoolExecutor(CONNECTIONS) as workers:
        tasks = [workers.submit(fetch, sibling) for sibling in info.siblings]
        try:
            for task in as_completed(tasks):
                done += task.result().size or 0
                say(file=task.result().rfilename, bytes=done, of=total)
        except BaseException:
            workers.shutdown(wait=False, cancel_futures=True)
            raise
    shutil.rmtree(partial / ".cache", ignore_errors=True)
    partial.rename(target)
    say(revision=info.sha, files=len(info.siblings), bytes=total)


def push(api, arguments):
    folder = Path(arguments.folder)
    paths = {
        path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))
        if path.is_file() and not LEFT_OUT & set(path.relative_to(folder).parts)
    }
    if not paths:
        raise Refused(f"'{folder}' has no files")
    api.create_repo(arguments.repository, exist_ok=True, private=False)
    total = sum(path.stat().st_size for path in paths.values())
    done, operations = 0, []
    for name, path in paths.items():
        operation = CommitOperationAdd(path_in_repo=name, path_or_fileobj=path)
        api.preupload_lfs_files(arguments.repository, additions=[operation], free_memory=False)
        operations.append(operation)
        done += path.stat().st_size
        say(file=name, bytes=done, of=total)
    # The commit holds the folder and nothing else: what an earlier one had would be weighed with it.
    there = set(api.list_repo_files(arguments.repository))
    operations += [CommitOperationDelete(path_in_repo=name) for name in sorted(there - set(paths) - KEPT)]
    commit = api.create_commit(arguments.repository, operations=operations, commit_message=arguments.message)
    info = api.model_info(arguments.repository, revision=commit.oid, files_metadata=True)
    held = {sibling.rfilename: sibling for sibling in info.siblings}
    for name, path in paths.items():
        if name not in held:
            raise Refused(f"the hub left '{name}' out of commit {commit.oid}: does a .gitignore name it?")
        check(path, held[name])
    say(revision=commit.oid, files=len(paths), bytes=total)


def told(error, arguments):
    """What happened at the hub, and what can be done about it."""
    if error.__cause__ and not isinstance(error, (Refused, errors.HfHubHTTPError)):
        error = error.__cause__
    name, status = arguments.repository, getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, Refused):
        return str(error)
    if isinstance(error, errors.GatedRepoError):
        return f"'{name}' is gated: ask for access on the hub, and give a token of that account in HF_TOKEN"
    if isinstance(error, errors.RevisionNotFoundError):
        return f"'{name}' has no commit '{arguments.revision}'"
    if isinstance(error, errors.RepositoryNotFoundError):
        return f"there is no repository '{name}' that may be seen (status {status}): a private one needs HF_TOKEN"
    if status in (401, 403):
        return f"the hub does not allow that with '{name}' (status {status}): HF_TOKEN needs a token that may"
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("pull", "push"):
        command = commands.add_parser(name)
        command.add_argument("repository")
        if name == "pull":
            command.add_argument("revision")
        command.add_argument("folder")
        if name == "push":
            command.add_argument("--message", required=True)
    arguments = parser.parse_args()
    say(hub=PROTOCOL, library=huggingface_hub.__version__)
    api = HfApi(token=os.environ.get("HF_TOKEN") or False)
    try:
        {"pull": pull, "push": push}[arguments.command](api, arguments)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        say(error=told(error, arguments))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
