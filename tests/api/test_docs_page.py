"""The reference as a page: all calls, readable without a network, with nothing that runs."""

import json
import re
import shlex
from html import unescape
from typing import Any

import jsonschema
import pytest
from django.contrib.staticfiles import finders
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from otms.accounts.access import access_token
from otms.accounts.models import Session, User
from otms.api import reference
from otms.api.router import EXAMPLE_ID, actions
from otms.urls import router  # where every viewset is registered
from tests import make
from tests.conftest import Api
from tests.sink import Sink


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


def article(html: str, name: str) -> str:
    return html.split(f'id="{name}"')[1].split("</article>")[0]


def text(markup: str) -> str:
    return " ".join(unescape(re.sub("<[^>]+>", "", markup)).split())


def printed(html: str, name: str) -> str:
    """The example of a call, as it is copied from the page."""
    return unescape(
        article(html, name).split('<pre tabindex="0"><code>')[1].split("</code></pre>")[0]
    )


def test_the_groups_begin_with_what_is_looked_for_first(schema: Any, html: str) -> None:
    groups = re.findall(r"<h2[^>]*>([^<]+)</h2>", html)
    assert groups[:4] == ["User", "Integration", "Transport order", "Business"]
    assert groups[-1] == "App Store"
    assert groups == [tag["name"] for tag in schema["tags"]]
    assert set(groups) == {tag for _, _, each in operations(schema) for tag in each["tags"]}


def test_every_call_is_told_in_a_sentence_of_its_own() -> None:
    calls = [(viewset, name) for viewset in router.viewsets for name in actions(viewset)]
    assert [each for each in calls if not getattr(*each).__doc__] == []


def test_fields_are_told_with_their_parts(html: str) -> None:
    found = article(html, "create:integration")
    for field in ("name", "trigger.actions[]", "dataSources[].connector", "schedule"):
        assert f"<code>{field}</code>" in found
    assert "created, updated, deleted" in text(found)
    assert "All of them must hold." in found


def test_what_must_be_sent_and_what_may_be_null_is_told(html: str) -> None:
    update = text(article(html, "update:integration"))
    assert "id UUID required" in update
    assert "schedule object or null" in update
    assert "nonce text or null, up to 255 characters" in update
    assert "rate text or null" in update
    assert "Body multipart/form-data file file required" in text(
        article(html, "upload:integration:file")
    )
    assert "application/json, may be left out" in text(article(html, "install:app"))


def test_parameters_stand_in_the_order_of_the_path(html: str) -> None:
    told = text(article(html, "get:integration:logs"))
    assert told.index("id UUID") < told.index("offset integer, 0 or more")
    assert told.index("offset integer") < told.index("amount integer, 1 to 500")


def test_backticks_become_code_and_everything_is_escaped(html: str) -> None:
    assert "`" not in html
    assert "An app&#x27;s <code>id</code>." in html
    assert reference.marked("a <b> `<i>` & `c") == "a &lt;b&gt; <code>&lt;i&gt;</code> &amp; `c"


def test_an_example_is_a_body_that_the_schema_allows(schema: Any, html: str) -> None:
    bodies = 0
    for _, _, operation in operations(schema):
        example = printed(html, operation["operationId"])
        assert example.startswith("curl")
        assert ("Bearer" in example) == ({} not in operation["security"])
        assert ("{" in example) == ("-d '{" in example)
        if content := operation.get("requestBody", {}).get("content", {}).get("application/json"):
            body = json.loads(example.split("-d '")[1].removesuffix("'"))
            jsonschema.validate(body, {**content["schema"], "components": schema["components"]})
            assert body == content["example"]
            assert body
            bodies += 1
    assert bodies > 5
    assert "-F file=@orders.csv" in printed(html, "upload:integration:file")


# What these take, nobody prints.
SECRET = {
    *("login:user", "refresh:user", "login:otp"),
    *("begin:user:secondFactor", "confirm:user:secondFactor"),
    *("generate:user:recoveryCodes", "remove:user:secondFactor"),
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", [route.name for route in router.routes()])
def test_an_example_is_not_refused_as_it_is_printed(
    name: str, html: str, user: User, sink: Sink
) -> None:
    """What it names by an id is an order that is there, or else is not found."""
    make.OrderFactory(platform=user.platform, pk=EXAMPLE_ID)
    opened = Session.start(user, ip=None, device="")
    assert opened
    said = printed(html, name).replace("\\\n", "").replace("https://erp.example/orders", sink.url())
    for word, meaning in (
        ("$OTMS_URL", ""),
        ("$OTMS_TOKEN", access_token(opened[0])),
        ("$ID", EXAMPLE_ID),
    ):
        said = said.replace(word, meaning)
    answer = called(shlex.split(said))
    assert answer.status_code not in (400, 405, 415, 500), answer.content
    if EXAMPLE_ID not in said and name not in SECRET:
        assert answer.status_code == 200, answer.content


def called(words: list[str]) -> Any:
    """Make a call as curl would."""
    assert words.pop(0) == "curl"
    method, path, headers, form, body = "GET", "", {}, {}, ""
    while words:
        match words.pop(0):
            case "-X":
                method = words.pop(0)
            case "-H":
                name, value = words.pop(0).split(": ")
                headers[name] = value
            case "-d":
                body = words.pop(0)
            case "-F":
                name, _, file = words.pop(0).partition("=@")
                form[name] = SimpleUploadedFile(file, b"number;status\n4711;planned\n")
            case path:
                pass
    if form:
        return Client().post(path, form, headers=headers)
    kind = headers.pop("Content-Type", "application/octet-stream")
    return Client().generic(method, path, body, kind, headers=headers)


@pytest.mark.django_db
def test_who_sends_nothing_is_told_what_to_send(api: Api) -> None:
    upload = api.refused("POST", "integration/file/upload")["message"]
    assert upload == "The body is empty; send multipart/form-data with the part `file`."
    search = api.refused("POST", "businesses/0/20")["message"]
    assert search == 'The body is empty; send a JSON object, such as {"name": "Acme Corp"}.'


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
    deep = 0
    while fields:
        (kids,) = fields
        assert kids["name"] == ".".join(["kids[]"] * (deep + 1))
        fields, deep = kids["parts"], deep + 1
    assert deep < 20
