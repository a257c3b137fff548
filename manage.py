#!/usr/bin/env python
"""Run the project's commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "otms.settings")
    from otms.command_line import run

    run(sys.argv)


if __name__ == "__main__":
    main()
