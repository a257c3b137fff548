"""A file in a folder is a plugin, and its name is its key."""

import sys
from uuid import uuid4

import pytest

from integrations.core import plugins


@pytest.fixture
def package(tmp_path, monkeypatch):
    name = f"plugins_{uuid4().hex}"
    folder = tmp_path / name
    folder.mkdir()
    for module in ("__init__", "base", "_draft", "webhook", "transport_order"):
        (folder / f"{module}.py").write_text(f"class Connector:\n    label = {module!r}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    for module in [each for each in sys.modules if each.startswith(name)]:
        del sys.modules[module]


def test_plugins_are_named_after_their_files_but_base_and_private_ones_are_none(package):
    assert plugins.names(package) == ["transport_order", "webhook"]


def test_a_plugin_is_loaded_by_its_name(package):
    assert plugins.load(package, "webhook", "Connector").label == "webhook"


@pytest.mark.parametrize("name", ["smtp", "base", "_draft", "", "webhook.Connector", "..os"])
def test_an_unknown_plugin_is_refused_with_a_list_of_what_there_is(package, name):
    with pytest.raises(LookupError, match="there are: transport_order, webhook"):
        plugins.load(package, name, "Connector")


@pytest.mark.parametrize(
    ("module", "wire"),
    [
        ("transport_order", "transportOrder"),
        ("webhook", "webhook"),
        ("a_b_c", "aBC"),
        ("sql_server", "sqlServer"),
    ],
)
def test_a_module_has_its_wire_name_and_back(module, wire):
    assert plugins.wire_name(module) == wire
    assert plugins.module_name(wire) == module
