#!/usr/bin/env python
"""Run the project's commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "otms.settings")
    from django.core.management import execute_from_command_line

    from otms.accounts.actor import by_command

    with by_command(sys.argv):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
