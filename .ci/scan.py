"""Is there anything in the tree, its history or its locks that should not be there? Offline.

    python .ci/scan.py            secrets in every version of every file; the locks; the licences
    python .ci/scan.py --yanked   also asks the package index which pins were withdrawn

Exit code 1 and a line for each finding. What looks like a secret and is none stands below with the
reason, by the beginning of its SHA-256, so that this file itself holds none.
"""

import hashlib
import json
import math
import re
import subprocess
import sys
from collections import Counter
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")

# Known forms of secrets, and what is called one and looks drawn by lot.
FORMS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{64,}",
    "a key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_\w{60,}",
    "a token of GitLab": r"\bglpat-[\w-]{20,}",
    "a token of Slack": r"\bxox[abeprs]-[\w-]{10,}",
    "a webhook of Slack": r"hooks\.slack\.com/services/T\w{8,}/B\w{8,}/\w{20,}",
    "a key of Google": r"\bAIza[\w-]{35}\b",
    "a key of Stripe": r"\b[rs]k_live_[A-Za-z0-9]{20,}",
    "a token of npm": r"\bnpm_[A-Za-z0-9]{36}\b",
    "a token of PyPI": r"\bpypi-[\w-]{50,}",
    "a JWT": r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}",
    "a token of ours": r"\botms_(?:pat|int|app)_[\w-]{43}\b",
    "a signing secret": r"\bwhs(?:ec|k)_[A-Za-z0-9+/]{24,}={0,2}",
    "a Fernet key": r"(?<![\w/+-])[A-Za-z0-9_-]{43}=(?![\w=])",
    "a password in a URL": r"\b[a-z][a-z0-9+]{1,15}://[^\s:/@\"'{}<>$]+:(?P<it>[^\s:/@\"'{}<>$*]{6,})@",
    "a secret by its name": (
        r"(?i)(?:password|passwd|secret|token|api_?key|private_?key)[\"']?\s*[:=]+\s*[\"']"
        r"(?P<it>[^\s\"'{}<>$]{12,})[\"']"
    ),
}
ENTROPY = 3.8  # bits for each character; of words it is below, of what was drawn above

NO_SECRETS = {
    "5e884898da28": "the word for one, in what a command says",
    "96ad2ccd8146": "the example of the specification of Standard Webhooks",
    "d3a8bab513ad": "an example of tests/core/test_signing.py; nothing takes it",
    "d34983197102": "of tests/host/test_email.py, where no server is",
    "2bb80d537b1d": "of tests/http/test_door.py: it is not sent",
    "1ec1c26b50d5": "of tests/http/test_door.py: it is not sent",
    "e9fad6b0fee5": "of tests/run/test_compose.py: of a database that is made for it",
    "267e35fea31e": "of tests/core/test_signing.py: the key of a published test vector",
    "e4bd5e3b7190": "of tests/http/test_proxy.py: of a proxy that the test itself is",
    "67b92bfb9aae": "of tests/chaos/test_rotation.py: letters and digits in their order",
}

PERMISSIVE = re.compile(
    r"(?i)\b(MIT|MIT-0|BSD|0BSD|Apache|ISC|PSF-2\.0|Python Software Foundation|Zope|ZPL)\b"
)
COPYLEFT = re.compile(r"(?i)\b(A?GPL|LGPL|GNU|EUPL|SSPL|MPL|Mozilla)")
# Not permissive, and why they are here all the same.
EXPLAINED = {
    "psycopg": "LGPL; the driver of PostgreSQL that was asked for, used as a library, unchanged",
    "psycopg-binary": "the same, built",
    "python-crontab": "LGPL; comes with django-celery-beat, used as a library, unchanged",
    "certifi": "MPL; a list of authorities, unchanged",
    "orjson": "MPL in parts, used as a library, unchanged",
    "hypothesis": "MPL; for tests alone",
    "pathspec": "MPL; for mypy alone",
}


def main():
    findings = [*secrets(), *pins(), *licences()]
    if "--yanked" in sys.argv:
        findings += yanked()
    for finding in findings:
        print(finding)
    if findings:
        print("What is no secret, or no problem, is explained in .ci/scan.py.")
    return 1 if findings else 0


# Secrets.


def secrets():
    """What looks like a secret in any version of any file."""
    seen = set()
    for where, content in versions():
        if b"\0" in content[:8000]:
            continue
        for kind, text in looked_at(content.decode("utf-8", "replace")):
            mark = fingerprint(text)
            if mark not in seen and mark not in NO_SECRETS:
                seen.add(mark)
                yield f"{where}: {kind}: {text[:4]}... ({mark})"


def looked_at(text):
    for kind, form in COMPILED.items():
        for found in form.finditer(text):
            it = found.groupdict().get("it") or found[0]
            if kind == "a secret by its name" and not is_drawn(it):
                continue
            yield kind, it


def is_drawn(text):
    """Does it look as if nobody had thought of it?"""
    classes = sum(bool(re.search(each, text)) for each in ("[a-z]", "[A-Z]", "[0-9]"))
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
    return classes >= 2 and bits >= ENTROPY and not re.search(r"[.( /]", text)


def fingerprint(text):
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def versions():
    """Every version of every file in the history, and what lies in the tree and is not ignored."""
    listed = git("rev-list", "--objects", "--all")
    if listed is None:
        print("no git here: looking at the files alone", file=sys.stderr)
        yield from ((str(path), path.read_bytes()) for path in files())
        return
    names = dict(line.split(" ", 1) for line in listed.decode().splitlines() if " " in line)
    batch = subprocess.run(
        ["git", "cat-file", "--batch"],
        cwd=ROOT,
        input="\n".join(names).encode(),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    at = 0
    while at < len(batch):
        end = batch.index(b"\n", at)
        name, kind, size = batch[at:end].decode().split(" ")
        content = batch[end + 1 : end + 1 + int(size)]
        at = end + 2 + int(size)
        if kind == "blob":
            yield f"{names[name]} ({name[:8]})", content
    tree = git("ls-files", "--modified", "--others", "--exclude-standard", "-z") or b""
    for path in sorted(set(tree.decode().split("\0")) - {""}):
        if (ROOT / path).is_file():
            yield path, (ROOT / path).read_bytes()


def files():
    left_out = {".venv", "var", ".git", "__pycache__", ".mypy_cache", ".ruff_cache"}
    return [
        path
        for path in sorted(ROOT.rglob("*"))
        if path.is_file() and not left_out & set(path.relative_to(ROOT).parts)
    ]


def git(*command):
    try:
        done = subprocess.run(
            ["git", *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


COMPILED = {kind: re.compile(form) for kind, form in FORMS.items()}

# Locks.


def pins():
    """What a lock leaves open: another version, another file, another place to get it from."""
    for lock in LOCKS:
        text = (ROOT / lock).read_text(encoding="utf-8")
        for entry in re.split(r"\n(?=\S)", re.sub(r"(?m)^\s*#.*\n", "", text)):
            if not entry.strip():
                continue
            name = entry.split()[0]
            if not re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z,-]+\])?==[0-9][\w.+!]*$", name):
                yield f"{lock}: {name} is not pinned to one version"
            if "--hash=sha256:" not in entry:
                yield f"{lock}: {name} has no hash"
            if re.search(r"(?i)https?://|git\+|file:|--(extra-)?index|--find-links", entry):
                yield f"{lock}: {name} comes from a place of its own"


def locked():
    text = "".join((ROOT / lock).read_text(encoding="utf-8") for lock in LOCKS)
    return {normal(name) for name in re.findall(r"(?m)^([a-z0-9][a-z0-9._-]*)", text)}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def licences():
    """What is installed of the locks and has no permissive licence."""
    wanted = locked()
    for package in metadata.distributions():
        name = normal(package.metadata["Name"])
        if name not in wanted or name in EXPLAINED:
            continue
        said = licence_of(package.metadata)
        if COPYLEFT.search(said) or not PERMISSIVE.search(said):
            yield f"{name}: its licence is {said or 'not said'!r}; is it permissive?"


def licence_of(told):
    expression = told.get("License-Expression")
    if expression:
        return expression
    classifiers = [each for each in told.get_all("Classifier", []) if each.startswith("License")]
    return " ".join([(told.get("License") or "")[:100], *classifiers])


def yanked():
    """The pins that were withdrawn from the index since."""
    for lock in LOCKS:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"]
        command += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--quiet"]
        command += ["--report", "-", "--requirement", lock]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode:
            yield f"{lock}: the index can't be asked: {done.stderr.decode()[-300:].strip()}"
            continue
        for each in json.loads(done.stdout)["install"]:
            if each.get("is_yanked"):
                told = each["metadata"]
                yield f"{lock}: {told['name']} {told['version']} was withdrawn"


if __name__ == "__main__":
    sys.exit(main())
