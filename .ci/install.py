"""Make .venv and install what a lock file names into it, with one line of progress.

    python3 .ci/install.py requirements.lock

Runs before anything is installed, with whatever Python there is: the standard library alone, and no
syntax that an old Python can't read before it is told that it is too old.
"""

import hashlib
import os
import re
import subprocess
import sys
import threading

VENV = ".venv"
WANTED = (3, 11)
NO_NETWORK = (
    "NewConnectionError",
    "NameResolutionError",
    "Failed to establish a new connection",
    "Temporary failure in name resolution",
    "Network is unreachable",
    "ConnectTimeoutError",
    "ProxyError",
)


def main():
    lock = sys.argv[1]
    with open(lock, "rb") as file:
        content = file.read()
    digest = hashlib.sha256(content).hexdigest()
    stamp = os.path.join(VENV, lock + ".installed")
    if os.path.exists(stamp) and works():
        with open(stamp) as file:
            if file.read() == digest:
                return
    if not works():
        make_venv()
    install(lock, len(re.findall("(?m)^[a-zA-Z0-9]", content.decode("ascii"))))
    with open(stamp, "w") as file:
        file.write(digest)


def python():
    return os.path.join(VENV, "bin", "python")


def works():
    """Is there an environment, with pip in it?"""
    command = [python(), "-c", "import sys, pip; sys.exit(sys.version_info < %r)" % (WANTED,)]
    try:
        with open(os.devnull, "w") as nowhere:
            return subprocess.call(command, stderr=nowhere) == 0
    except OSError:
        return False


def make_venv():
    version = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info < WANTED:
        sys.exit(
            "%s is Python %s, and 3.11 or newer is needed: make PYTHON=/path/to/python3.11 ..."
            % (sys.executable, version)
        )
    import importlib.util  # an old Python has none

    for module in ("venv", "ensurepip"):
        if importlib.util.find_spec(module) is None:
            sys.exit(
                "%s has no module %s, so it can't make a virtual environment: install it (on "
                "Debian and Ubuntu the package python%d.%d-venv), or name another Python with "
                "make PYTHON=..." % ((sys.executable, module) + sys.version_info[:2])
            )
    say("making %s with Python %s" % (VENV, version))
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", VENV],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if made.returncode:
        sys.exit("%s could not be made: %s" % (VENV, made.stdout.strip()))


def install(lock, total):
    command = [python(), "-m", "pip", "install", "--requirement", lock, "--require-hashes"]
    command += ["--only-binary", ":all:", "--no-deps", "--progress-bar", "off"]
    command += ["--retries", "2", "--no-color", "--disable-pip-version-check"]
    pip = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True
    )
    installed = threading.Event()
    said, seen = [], set()
    for line in pip.stdout:
        said.append(line.rstrip())
        found = re.match(r"(Collecting|Requirement already satisfied:|Ignoring) ?([\w.-]+)", line)
        if found:
            new = found.group(2) not in seen
            seen.add(found.group(2))
            if new and found.group(1) == "Collecting":
                progress("downloading", len(seen), total, found.group(2))
        elif line.startswith("Installing collected packages: "):
            names = line.split(": ", 1)[1].strip().split(", ")
            watcher = threading.Thread(target=watch, args=(names, installed), daemon=True)
            watcher.start()
    failed = pip.wait()
    installed.set()
    clear()
    if failed:
        explain(said)
    say("%s is installed in %s" % (lock, VENV))


def watch(names, installed):
    """pip says nothing while it installs; what is there can be seen."""
    known = {key(name): name for name in names}
    folder = subprocess.check_output(
        [python(), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        universal_newlines=True,
    ).strip()
    shown = 0
    while not installed.wait(0.1):
        entries = (entry for entry in os.listdir(folder) if entry.endswith(".dist-info"))
        there = [known[key(e.split("-")[0])] for e in entries if key(e.split("-")[0]) in known]
        if len(there) > shown:
            shown = len(there)
            newest = [name for name in names if name in there][-1]
            progress("installing", shown, len(names), newest)


def key(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def progress(what, place, total, name):
    text = "%s %d of %d: %s" % (what, place, total, name)
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K" + text)
        sys.stdout.flush()
    elif place % 10 == 0 or place == total:
        say(text)


def clear():
    if sys.stdout.isatty():
        sys.stdout.write("\r\033[K")


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def explain(said):
    """pip's own words, in one sentence where we know what they mean."""
    if any(word in line for line in said for word in NO_NETWORK):
        sys.exit(
            "The packages can't be downloaded: there is no network, or no way through it (pip "
            "reads its proxy and its index from the environment). Try again when there is."
        )
    sys.exit("\n".join(said[-8:]) + "\nInstalling failed; these were pip's last words.")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        clear()
        sys.exit("Interrupted; the next run goes on from here.")
