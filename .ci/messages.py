"""What the admin says in other languages: the catalogs under otms/locale.

    python .ci/messages.py            bring them up to date with what is marked in the sources
    python .ci/messages.py --check    is everything that is marked translated, and compiled?

What is marked: `gettext` and its kin in Python, `translate` and `blocktranslate` in templates, and
manifests of apps; also in libraries, where it is seen and they do not say it in that language.
Exit code 1 and a line for each finding.
"""

import io
import os
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "otms.settings")

import django  # noqa: E402
from babel.messages import Catalog, Message  # noqa: E402
from babel.messages.extract import extract  # noqa: E402
from babel.messages.mofile import read_mo, write_mo  # noqa: E402
from babel.messages.pofile import read_po, write_po  # noqa: E402
from django.conf import settings  # noqa: E402
from django.utils.translation.template import templatize  # noqa: E402

django.setup()
from integrations import store  # noqa: E402

INSTALLED = Path(django.__file__).parents[1]
SOURCES = ("otms", "integrations", "templates")
# What they say is seen, as far as it is not in these folders of theirs.
LIBRARIES = {"unfold": ("contrib",), "django_celery_beat": ("admin.py", "management", "migrations")}
# Who says what in many languages.
TRANSLATED = ("django/conf", *(f"django/contrib/{app}" for app in ("admin", "auth")), *LIBRARIES)
KEYWORDS: dict[str, tuple[object, ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
# What a sentence has to be filled with: {name}, %(name)s, tags around words. And quotes: one more
# would end the attribute that it may stand in.
FILLED = re.compile(r"\"|\{\w*(?:![rs])?(?::[^{}]*)?\}|%\(\w+\)[sd]|</?\w+[^<>]*>")


# Of the header: who and when is told by the history, where it makes no difference of its own.
DATES = re.compile(
    rb'^"(?:POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team|Report-Msgid-Bugs-To'
    rb"|Generated-By|Project-Id-Version): .*\n",
    re.MULTILINE,
)


def marked(language: str) -> Catalog:
    """Everything that this language must say, with where it stands."""
    catalog = Catalog(language, project="OTMS", charset="utf-8", fuzzy=False)
    for folder in SOURCES:
        for path, words, context in _messages(ROOT / folder, ("migrations",)):
            catalog.add(words, locations=[(str(path.relative_to(ROOT)), None)], context=context)
    for words in _of_apps():
        catalog.add(words, locations=[("integrations/store", None)])
    said = _translated(language)
    for library, without in LIBRARIES.items():
        for _, words, context in _messages(INSTALLED / library, without):
            if _key(words, context) not in said:
                catalog.add(words, locations=[(library, None)], context=context)
    return catalog


@cache
def _messages(folder: Path, without: tuple[str, ...]) -> list[tuple[Path, Any, str | None]]:
    return [
        (path, words, context)
        for path, text in sorted(_sources(folder))
        if not set(without) & set(path.relative_to(folder).parts)
        for _, words, _, context in extract("python", io.BytesIO(text.encode()), KEYWORDS)
    ]


def _sources(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in folder.rglob("*"):
        if path.suffix == ".py":
            yield path, path.read_text()
        elif path.suffix in (".html", ".txt") and "templates" in path.parts:
            lines = templatize(path.read_text(), origin=str(path)).splitlines()
            # It is read as Python, where the beginning of a line means something.
            yield path, "\n".join(line.strip() for line in lines)


def _of_apps() -> Iterator[str]:
    """What the apps of the store say of themselves, in their manifests."""
    for app in store.apps():
        yield app.description
        yield app.category["name"]
        for setting in app.settings.values():
            yield from (text for text in (setting.title, setting.description) if text)


def _translated(language: str) -> set[object]:
    """What libraries say in it themselves."""
    found: set[object] = set()
    for name in TRANSLATED:
        compiled = INSTALLED / name / "locale" / language / "LC_MESSAGES" / "django.mo"
        if compiled.exists():
            with compiled.open("rb") as file:
                found |= _texts(read_mo(file)).keys()
    return found


def languages() -> Iterator[tuple[str, Path]]:
    for code, _ in settings.LANGUAGES:
        if code != settings.LANGUAGE_CODE:
            yield code, settings.LOCALE_PATHS[0] / code / "LC_MESSAGES" / "django.po"


def read(path: Path, language: str) -> Catalog:
    if not path.exists():
        return Catalog(language, project="OTMS", charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, language)


def update() -> None:
    for language, path in languages():
        catalog = read(path, language)
        catalog.update(marked(language), no_fuzzy_matching=True, update_header_comment=False)
        catalog.obsolete.clear()
        write(path, catalog)
        missing = sum(not _said(message) for message in catalog if message.id)
        print(f"{path.relative_to(ROOT)}: {len(catalog)} messages, {missing} not translated")


def write(path: Path, catalog: Catalog) -> None:
    catalog.header_comment = "# What the admin says; kept up to date by make messages."
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.BytesIO()
    write_po(text, catalog, width=100, sort_output=True)
    path.write_bytes(DATES.sub(b"", text.getvalue()))
    compiled = read(path, str(catalog.locale))
    for message in [each for each in compiled if each.id and not _said(each)]:
        compiled.delete(message.id, message.context)  # else its plural would be in English
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, compiled)


def findings() -> Iterator[str]:
    for language, path in languages():
        wanted = marked(language)
        catalog, where = read(path, language), path.relative_to(ROOT)
        for message in wanted:
            there = catalog.get(message.id, message.context) if message.id else None
            if message.id and (there is None or not _said(there)):
                yield f"{where}: not translated: {_of(message)}"
            elif there is not None and (wrong := _differently_filled(there)):
                yield f"{where}: filled with something else: {_of(message)}: {wrong}"
        for message in catalog:
            if message.id and wanted.get(message.id, message.context) is None:
                yield f"{where}: nothing says this any more: {_of(message)}"
        if not _is_compiled(path, catalog):
            yield f"{where}: its .mo is not what it says"


def _said(message: Message) -> bool:
    text = message.string
    return all(text) if isinstance(text, tuple | list) else bool(text)


def _of(message: Message) -> str:
    return message.id[0] if isinstance(message.id, tuple | list) else str(message.id)


def _differently_filled(message: Message) -> str:
    """What a translation is filled with, where it is not what the message is filled with."""
    ids = message.id if isinstance(message.id, tuple | list) else (message.id,)
    texts = message.string if isinstance(message.string, tuple | list) else (message.string,)
    # One of a thing may be said without its number.
    may = {tuple(sorted(FILLED.findall(each))) for each in ids}
    return next((each for each in texts if tuple(sorted(FILLED.findall(each))) not in may), "")


def _is_compiled(path: Path, catalog: Catalog) -> bool:
    compiled = path.with_suffix(".mo")
    if not compiled.exists():
        return False
    with compiled.open("rb") as file:
        there = read_mo(file)
    return _texts(there) == _texts(catalog)


def _texts(catalog: Catalog) -> dict[object, object]:
    """By what they translate, and its context."""
    return {
        _key(each.id, each.context): _plain(each.string)
        for each in catalog
        if each.id and _said(each)
    }


def _key(words: object, context: str | None) -> object:
    return context or "", _plain(words)


def _plain(words: object) -> object:
    return words if isinstance(words, str) else tuple(words)  # type: ignore[arg-type]


def main() -> int:
    if "--check" not in sys.argv:
        update()
        return 0
    found = list(findings())
    print("\n".join(found) or "Every language says everything.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
