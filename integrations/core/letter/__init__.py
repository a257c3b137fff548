"""What a letter asks for: the fields of an order in free text, each with its place and a doubt.

page.py     HTML becomes text; what a reply quotes; who is not at the desk
sheet.py    one rule after the other, and none sees what an earlier one used
cargo.py    what is carried, and what it is called
moments.py  days and hours
route.py    where from, where to
reading.py  all of it as fields of a transport order

The rules are regular expressions of ours in English, Dutch and German. None repeats without a
bound, so a letter is read in time that grows with its length and no faster. They know no names and
ask nobody: what they say of a text is the same tomorrow.
"""

from integrations.core.letter.page import end_of_new, is_automatic, plain, writers
from integrations.core.letter.reading import Letter, Notice, read, spoken
from integrations.core.letter.sheet import Found

__all__ = [
    "Found",
    "Letter",
    "Notice",
    "end_of_new",
    "is_automatic",
    "plain",
    "read",
    "spoken",
    "writers",
]
