"""What is wrong with a text that should be JSON, in the words of whoever writes it by hand.

Nothing of the text itself is repeated: it may be anybody's.
"""

import json
import re

BLANKS = " \t\r\n"
TRAILING = "a comma stands before a closing bracket, with nothing behind it"
# What Python's reader says, by how it begins: the same in all versions that say it at all.
_SAID = {
    "Expecting value": "a value is missing here",
    "Expecting property name": "a name in double quotes is missing here",
    "Expecting ':'": "a colon is missing before this",
    "Expecting ','": "a comma or a closing bracket is missing before this",
    "Illegal trailing comma": TRAILING,
    "Unterminated string": "the text that begins here has no closing quote",
    "Invalid control character": "a text ends on its line; a new line in it is written `\\n`",
    "Invalid \\uXXXX": "`\\u` is followed by four digits, 0 to f",
    "Invalid \\escape": "a backslash in a text is written twice",
    "Extra data": "the document has ended before this",
}
# What people write that is no JSON, by how it begins.
_WRITTEN = {
    r"//|/\*|#": "JSON has no comments",
    r"[^\S \t\r\n]|[\ufeff\u200b]": "a blank stands here that JSON does not know",
    "['`\u2018\u2019\u201c\u201d\u201e]": "texts and names stand in straight double quotes",
    r"(?i:true|false|null)\b": "true, false and null are written in lower case",
    r"None\b": "nothing is written as `null`",
    r"[.+]\d": "a number begins with a digit",
    r"[^\W\d]|\$|@": "texts and names stand in double quotes",
}


def words(error: json.JSONDecodeError) -> str:
    """What to mend at the place of the error, such as `a colon is missing before this`."""
    text, rest = error.doc[: error.pos].rstrip(BLANKS), error.doc[error.pos :]
    if not rest.strip(BLANKS):
        return "it ends too early" if text else "it is empty"
    if error.msg.startswith("Expecting"):
        if text.endswith(",") and rest[0] in "}]":
            return TRAILING
        if rest.startswith(("//", "/*", "#")) or text[-1:] in (*"{[,:", ""):
            for begin, said in _WRITTEN.items():
                if re.match(begin, rest):
                    return said
    return next(
        (said for begin, said in _SAID.items() if error.msg.startswith(begin)),
        error.msg[:1].lower() + error.msg[1:],
    )
