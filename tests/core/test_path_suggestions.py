"""The path that was probably meant, and whether one fits a shape."""

import pytest

from integrations.core import paths
from tests.core.test_path_bounds import nested
from tests.core.test_paths import ORDER, found

LONG = {f"{number}" + "ab" * 35: 1 for number in range(3_000)}
SHAPE = {"order": {"id": None, "lines": [{"no": None}], "attributes": {}}}


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("$.transportOrder.customer.nam", "$.transportOrder.customer.name"),
        ("$.customer.name", "$.transportOrder.customer.name"),
        ("$.transportorder.id", "$.transportOrder.id"),
        ("$.order.lines[0].t", "$.transportOrder.lines[0].t"),
        ("$.transportOrder.customer['c-d']", "$.transportOrder.customer['c d']"),
        ("$.zzz", None),
        ("$.transportOrder.zzz", None),
        ("$.transportOrder.x", None),
        ("$.transportOrder.line[*].t", "$.transportOrder.lines[*].t"),
    ],
)
def test_the_nearest_path_of_the_document_is_suggested(text, near):
    assert paths.nearest(text, ORDER) == near


def test_a_suggestion_is_a_path_that_works():
    document = {"it's": {"c d": 1}}
    near = paths.nearest("$['its']['c d']", document)
    assert near is not None
    assert found(near, document) == [1]


@pytest.mark.parametrize("document", [None, [], "text", {"a" * 600: 1}, nested(3, 60)[0:1], LONG])
@pytest.mark.timeout(30)
def test_any_document_can_be_asked_for_a_suggestion(document):
    paths.nearest("$.a", document)
    paths.nearest("$." + "ba" * 35, document)
    paths.nearest("$." + "ba" * 250, {"ab" * 250 + f"{number}": 1 for number in range(3_000)})


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("$", True),
        ("$.order", True),
        ("$['order'].id", True),
        ("$.order.lines[*].no", True),
        ("$.order.lines[-1].no", True),
        ("$.order.attributes.any['thing'][0]", True),
        ("$..whatever", True),
        ("$.order.lines[?(@.no == 1)].whatever", True),
        ("$.order.idd", False),
        ("$.order.id.more", False),
        ("$.order[0]", False),
        ("$.order.lines.no", False),
        ("$.order.lines[*].nr", False),
        ("$.order.attribute.any", False),
        ("$.oder..id", False),
    ],
)
def test_a_path_fits_a_shape_or_finds_nothing(text, fits):
    assert paths.fits(text, SHAPE) is fits
