"""The page itself: HTML as text, where a reply ends and its quotes begin, what no person wrote."""

import re
from html import unescape
from itertools import islice

from integrations.core.letter.sheet import Span, rule

_HTML = rule(r"\A\s{0,100}<(?:!doctype|html|head|body|div|p|table|span|meta|style|font)\b|<br ?/?>")
_CLOSED = rule(r"</(?:html|body|div|p|table|td|span|font)>")
_NAME = re.compile(r"/?[a-z][a-z0-9]{0,20}", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});?")
_UNREAD = {name: rule(rf"</{name}\b") for name in ("head", "script", "style", "template", "title")}
_LINE = re.compile(
    "address|blockquote|body|br|div|dl|fieldset|footer|form|h[1-6]|header|hr|html|li|ol|p|pre"
    "|section"
    "|table|tr|ul"
)


def plain(body: str) -> str:
    """The text of a body; one that is no HTML is its own text, to the last character."""
    if not (_HTML.search(body) or _CLOSED.search(body)):
        return body
    text = "".join(_pieces(body))
    lines = (" ".join(line.replace("\xa0", " ").split()) for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _pieces(html: str) -> list[str]:
    """Its texts and line breaks.

    Not the parser of the standard library: up to Python 3.11.13 it takes quadratic time for broken
    tags. Every search here goes on behind what it found, or is the last of its kind.
    """
    pieces: list[str] = []
    at, end = 0, len(html)
    while at < end:
        tag = html.find("<", at)
        pieces.append(_text(html[at : tag if tag >= 0 else end]))
        if tag < 0:
            break
        if html.startswith("<!--", tag):
            closed = html.find("-->", tag + 4)
            at = closed + 3 if closed >= 0 else end
        elif (name := _NAME.match(html, tag + 1)) or html.startswith(("<!", "<?"), tag):
            closed = html.find(">", tag)
            if closed < 0:  # no tag: nothing closes it
                pieces.append(_text(html[tag:]))
                break
            at = closed + 1
            known = name.group().lower() if name else ""
            pieces.append(_break(known.removeprefix("/")))
            if until := _UNREAD.get(known):
                unread = until.search(html, at)
                at = unread.start() if unread else end
        else:  # "less than"
            pieces.append("<")
            at = tag + 1
    return pieces


def _break(name: str) -> str:
    if _LINE.fullmatch(name):
        return "\n"
    return " " if name in ("td", "th") else ""


def _text(raw: str) -> str:
    flat = re.sub(r"[\r\n\t]", " ", raw)
    return _ENTITY.sub(lambda match: unescape(match.group()), flat) if "&" in flat else flat


# What a mail quotes; a reply ends there, at its signature, or at the head of what it answers.
_WROTE = (
    r"(?:on|op|am|le)[ ][^\n]{4,200}\b(?:wrote|schreef|schrieb|a [ée]crit)\b"
    r"[^\n]{0,200}:[ \t]{0,3}\r?$"
)
WROTE = re.compile(rf"^[> \t]{{0,6}}{_WROTE}", re.IGNORECASE | re.MULTILINE)
_QUOTED = (
    r">|-{2,20}[ ]?(?:original|forwarded|oorspronkelijk"
    rf"|doorgestuurd|urspr(?:ü|ue)ngliche|weitergeleitete)|{_WROTE}"
)
_QUOTE = re.compile(rf"^(?:{_QUOTED})", re.IGNORECASE | re.MULTILINE)
_END = re.compile(
    rf"^(?:{_QUOTED}|-- ?\r?$|_{{8,200}}[ \t]{{0,3}}\r?$"
    r"|(?:from|van|von):[^\n]{1,300}\n(?:[^\n]{0,300}\n){0,2}(?:sent|date|verzonden|datum"
    r"|gesendet):"
    r")",
    re.IGNORECASE | re.MULTILINE,
)
# The head of a mail that was forwarded: its names and its date are no part of an order.
_HEAD_LINE = re.compile(
    r"[> \t*]{0,6}(from|to|cc|bcc|sent|date|subject|importance|van|aan|verzonden|datum|onderwerp"
    r"|von|an|gesendet|betreff|reply-to)[*]?[ ]?:",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"^[> \t*]{0,6}(?:from|van|von)[ *]{0,2}:[^\n@]{0,200}?(?<![\w.+-])"
    r"(?P<address>[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6})",
    re.IGNORECASE | re.MULTILINE,
)
_MOST_FORWARDED = 10
_SUBJECTS = {"subject", "onderwerp", "betreff"}


def end_of_new(text: str) -> int:
    """Where a reply ends and what it quotes, or its signature, begins.

    Only for an answer to a mail that we have: what somebody forwards is the order itself.
    """
    end = _END.search(text)
    return end.start() if end else len(text)


def quotes(text: str) -> list[int]:
    """Where something begins that the mail quotes or forwards; lines with ">" are one quote."""
    found = [begin for begin, _ in heads(text)]
    for match in _QUOTE.finditer(text):
        before = text.rfind("\n", 0, max(match.start() - 1, 0)) + 1
        if match.group() != ">" or not match.start() or text[before] != ">":
            found.append(match.start())
    return sorted(found)


def writers(text: str) -> list[str]:
    """The addresses from which a mail says that it, or a part of it, was forwarded."""
    found = islice(_FORWARDED.finditer(text), _MOST_FORWARDED)
    return [*dict.fromkeys(match["address"].lower() for match in found)]


def heads(text: str) -> list[Span]:
    """Two or more lines of a head that has a subject among them."""
    spans: list[Span] = []
    block: list[str] = []
    begin = at = 0
    for line in text.splitlines(keepends=True):
        head = _HEAD_LINE.match(line)
        if head:
            begin = at if not block else begin
            block.append(head[1].lower())
        if block and (not head or at + len(line) == len(text)):
            end = at + len(line) if head else at
            if len(block) > 1 and _SUBJECTS & set(block):
                spans.append((begin, end))
            block = []
        at += len(line)
    return spans


_AWAY = rule(
    r"\A(?:(?:re|aw|fwd?|antw)\s{0,2}:\s{0,2}){0,3}(?:automatic (?:reply|response)"
    r"|auto(?:mated)?[ -]?(?:reply|response)|out of (?:the )?office|automatisch(?:e)? (?:antwoord"
    r"|antwort|reactie)|afwezig|abwesenheit|niet aanwezig|undeliver|delivery (?:status|failure)"
    r"|mail delivery|onbestelbaar|unzustellbar)"
)
_DAEMON = rule(r"\A(?:mailer-daemon|postmaster)@")


def is_automatic(sender: str, subject: str) -> bool:
    """Nobody wrote it: an absence note, or a mail that could not be delivered."""
    return bool(_AWAY.match(subject.strip()) or _DAEMON.match(sender))
