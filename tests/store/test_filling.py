"""Settings are put in where they belong, as what they are, and are never read again."""

from typing import Any

import pytest

from integrations.core import mapping
from integrations.store.filling import filled, references

VALUES = {
    "url": "https://receiver.example/a b",
    "port": 5432,
    "words": ["created"],
    "path": "$.transportOrder.id",
    "braces": "{url} and {{transportOrder.name}}",
    "off": False,
}


@pytest.mark.parametrize(
    ("template", "document"),
    [
        ("{port}", 5432),
        ("{off}", False),
        ({"actions": "{words}"}, {"actions": ["created"]}),
        ("port {port}", "port 5432"),
        ("{braces}", "{url} and {{transportOrder.name}}"),
        ("{braces}{port}", "{url} and {{transportOrder.name}}5432"),
        ({"a": "{nothing}", "b": ["{nothing}", 1]}, {"b": [1]}),
        ("{{port}}", "{{port}}"),
        ({"a": None, "b": 1}, {"a": None, "b": 1}),
        (
            "https://host.example/{url}",
            "https://host.example/https%3A%2F%2Freceiver.example%2Fa%20b",
        ),
    ],
)
def test_a_reference_becomes_its_value(template: Any, document: Any) -> None:
    assert filled(template, VALUES).document == document


@pytest.mark.parametrize("value", ["$.transportOrder.id", "@", "#", "$$x", "plain", "4"])
def test_in_a_mapping_a_setting_is_a_constant(value: str) -> None:
    made = filled({"mapping": {"a": ["{value}"]}}, {"value": value}).document["mapping"]
    assert mapping.compile(made).apply({"transportOrder": {"id": "1"}}).value == {"a": [value]}


def test_as_a_text_a_setting_may_have_places() -> None:
    template = {"mapping": {"text": {"$text": "{text}"}}}
    made = filled(template, {"text": "Order {{transportOrder.name}}, {url}"}).document["mapping"]
    document = {"transportOrder": {"name": "4711"}}
    assert mapping.compile(made).apply(document).value == {"text": "Order 4711, {url}"}


def test_a_problem_is_told_at_the_setting_that_it_comes_from() -> None:
    template = {
        "dataSources": [{"settings": {"url": "{url}"}, "mapping": {"text": {"$text": "{braces}"}}}],
        "filters": [{"value": "{words}"}],
    }
    made = filled(template, VALUES)
    assert made.setting_at("dataSources[0].settings.url") == "url"
    assert made.setting_at("dataSources[0].mapping.text") == "braces"
    assert made.setting_at("filters[0].value[0]") == "words"
    assert made.setting_at("filters[0]") == ""
    assert made.settings_under("dataSources[0].settings") == {"url"}
    assert references(template) == {"url", "braces", "words"}
