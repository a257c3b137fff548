"""The options of curl that the docs use, for a machine that has no curl: -s -X -H -d URL."""

import argparse
import sys
from urllib.error import HTTPError
from urllib.request import Request, urlopen

parser = argparse.ArgumentParser(prog="curl")
parser.add_argument("-s", action="store_true")
parser.add_argument("-X", dest="method")
parser.add_argument("-H", dest="headers", action="append", default=[])
parser.add_argument("-d", dest="data")
parser.add_argument("url")
given = parser.parse_args()

headers = dict(header.split(": ", 1) for header in given.headers)
data = given.data.encode() if given.data is not None else None
try:
    asked = Request(given.url, data, headers, method=given.method)  # noqa: S310 - our own docs
    answer = urlopen(asked, timeout=20)  # noqa: S310
except HTTPError as error:  # curl shows what a refusal says, and is content
    answer = error
sys.stdout.write(answer.read().decode())
