"""In Dutch moments and numbers are written as in English."""

from otms.formats.en.formats import *  # noqa: F403
