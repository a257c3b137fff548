"""The reference as a page: all calls, readable without a network, with nothing that runs."""

import json
import re
from html import unescape
from typing import Any

import jsonschema
import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from otms.api import reference


@pytest.fixture(scope="module")
def schema() -> Any:
    return Client().get("/api/schema").json()


@pytest.fixture(scope="module")
def answer() -> Any:
    return Client().get("/api/docs")


@pytest.fixture(scope="module")
def html(answer: Any) -> str:
    return str(answer.content.decode())


def operations(schema: Any) -> list[tuple[str, str, Any]]:
    return [
        (method.upper(), path, operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_call_has_its_place(schema: Any, html: str) -> None:
    calls = operations(schema)
    assert len(calls) > 20
    for method, path, operation in calls:
        name = operation["operationId"]
        assert html.count(f'id="{name}"') == 1
        assert f'href="#{name}"' in html
        article = html.split(f'id="{name}"')[1].split("</article>")[0]
        assert method in article
        assert path in re.sub("<[^>]+>", "", article)
    assert html.count("<article") == len(calls)


def test_one_kind_of_record_is_one_group(html: str) -> None:
    groups = re.findall(r"<h2[^>]*>([^<]+)</h2>", html)
    assert len(groups) == len(set(groups))
    assert "Transport order" in groups
    assert "Transport orders" not in groups


def test_fields_are_told_with_their_parts(html: str) -> None:
    article = html.split('id="create:integration"')[1].split("</article>")[0]
    for field in ("name", "trigger.actions[]", "dataSources[].connector", "schedule"):
        assert f"<code>{field}</code>" in article
    assert "created, updated, deleted" in article
    assert "All of them must hold." in article


def test_an_example_is_a_body_that_the_schema_allows(schema: Any, html: str) -> None:
    bodies = 0
    for _, _, operation in operations(schema):
        article = html.split(f'id="{operation["operationId"]}"')[1].split("</article>")[0]
        example = unescape(re.sub("<[^>]+>", "", article.split("<pre>")[1].split("</pre>")[0]))
        assert example.startswith("curl")
        assert ("Bearer" in example) == ({} not in operation["security"])
        if content := operation.get("requestBody", {}).get("content", {}).get("application/json"):
            body = json.loads(example.split("-d '")[1].rstrip().removesuffix("'"))
            jsonschema.validate(body, {**content["schema"], "components": schema["components"]})
            bodies += 1
    assert bodies > 5


def test_nothing_on_it_runs_or_comes_from_elsewhere(answer: Any, html: str) -> None:
    policy = answer["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", html)
    for address in re.findall(r"""(?:src|href)=["']([^"']*)""", html):
        assert address.startswith(("/", "#"))
    (sheet,) = re.findall(r'href="/static/([^"]+\.css)"', html)
    assert finders.find(sheet)


def test_a_part_that_contains_itself_ends() -> None:
    tree = {"type": "object", "properties": {"kids": {"type": "array", "items": {"$ref": "#/T"}}}}
    fields = reference.fields(tree, {"#/T": tree})
    assert [each["name"] for each in fields][:2] == ["kids[]", "kids[].kids[]"]
    assert len(fields) < 20
