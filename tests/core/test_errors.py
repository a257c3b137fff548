"""Problems say where they are and what was probably meant."""

import pytest

from integrations.core.errors import MappingError, Problem
from otms.spelling import did_you_mean


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ("erp_id", "dataSources[0].mapping.erp_id"),
        ("[0].operator", "dataSources[0].mapping[0].operator"),
        ("", "dataSources[0].mapping"),
    ],
)
def test_a_problem_is_named_from_the_document_that_holds_it(field, named):
    problem = Problem(field, "invalid_path", "Write a path.")
    assert problem.under("dataSources[0].mapping") == Problem(named, problem.code, problem.message)


def test_a_near_word_is_suggested():
    assert did_you_mean("feld", ["field", "operator"]) == " Did you mean `field`?"


def test_a_word_in_the_wrong_case_is_suggested():
    assert did_you_mean("NOTIN", ["in", "notIn"]) == " Did you mean `notIn`?"


@pytest.mark.parametrize("word", ["zzz", "", None, 3, "x" * 10_000])
def test_a_word_near_nothing_suggests_nothing(word):
    assert did_you_mean(word, ["field", "operator"]) == ""


def test_a_mapping_error_says_its_target_first():
    error = MappingError("customer.name", "$.a", "`$.a` is not in the document.")
    assert str(error) == error.message == "customer.name: `$.a` is not in the document."
