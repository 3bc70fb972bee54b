"""Writes a root file system with a small environment server to standard output, as a tar that `podman import` makes an image of.

In it are this interpreter, the modules that the server needs, and nothing else.
"""
import encodings.idna  # noqa: F401
import http.server  # noqa: F401
import json  # noqa: F401
import subprocess
import sys
import tarfile

files = {module.__file__ for module in list(sys.modules.values()) if getattr(module, "__file__", None)}
files = {file for file in files if file.startswith("/usr/lib")}
libraries = set()
for binary in [sys.executable, *(file for file in files if file.endswith(".so"))]:
    told = subprocess.run(["ldd", binary], capture_output=True, text=True).stdout
    libraries |= {word for line in told.splitlines() for word in line.split() if word.startswith("/")}

with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", dereference=True) as tar:
    for file in sorted(files | libraries):
        tar.add(file, arcname=file.lstrip("/"))
    tar.add(sys.executable, arcname="usr/bin/python3")
    tar.add(sys.argv[1], arcname="server.py")
    folder = tarfile.TarInfo("tmp")
    folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
    tar.addfile(folder)
