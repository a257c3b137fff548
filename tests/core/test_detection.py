"""What is in a file, told from its bytes."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.core.detection import FORMATS, detect

ORDERS = "order;customer;weight\n4711;Acme;12,5\n4712;Müller;7\n"


def workbook(*names: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, "<x/>")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "format"),
    [
        (ORDERS.encode(), "csv"),
        (b'{"transportOrder": {"id": 1}}', "json"),
        (b'[{"a": 1}, {"b": 2}]', "json"),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?><orders><order/></orders>", "xml"),
        (b"UNA:+.? 'UNB+UNOC:3+A+B+200101:1200+1'", "edifact"),
        (b"UNB+UNOA:1+A+B+200101:1200+1'", "edifact"),
        (b"ISA*00*          *00*          *ZZ*A*ZZ*B*200101*1200*U*00401*1*0*P*>~", "x12"),
        (b"%PDF-1.7\n...", "pdf"),
        (workbook("xl/workbook.xml", "xl/worksheets/sheet1.xml"), "xlsx"),
        (workbook("readme.txt"), "binary"),
        (b"PK\x03\x04 no archive", "binary"),
        (b"\x00\x01\x02\xff", "binary"),
        (b"Dear planner, please pick up 20 pallets.\nRegards, Jan", "text"),
        (b" \r\n", "text"),
        (b"Text <b> that begins otherwise", "text"),
    ],
)
def test_the_format_is_told(content: bytes, format: str) -> None:
    assert detect(content).format == format


@pytest.mark.parametrize(
    ("encoding", "told", "warns"),
    [
        ("utf-8", "utf-8", False),
        ("utf-8-sig", "utf-8-sig", False),
        ("utf-16", "utf-16", False),
        ("cp1252", "cp1252", True),
    ],
)
def test_the_encoding_is_told_and_a_guess_is_a_warning(
    encoding: str, told: str, warns: bool
) -> None:
    found = detect(ORDERS.encode(encoding))
    assert (found.format, found.encoding, bool(found.warnings)) == ("csv", told, warns)
    assert found.structure == {"columns": ["order", "customer", "weight"], "rows": 2}


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a;b\n1;2\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("a,b\n1,2\n", ","),
        ("name;weight\nA;1,5\nB;2,5\n", ";"),
        ("name,note\nA,x;y;z\nB,;\n", ","),
        ('a,b\n"1\n2",3\n"4, 5",6\n', ","),
        ("sep=|\na|b\n1|2\n", "|"),
        ("a;b;c\n1;2\n3;4;5\n6;7;8\n", ";"),
        ("﻿a;b\r\n1;2\r\n", ";"),
    ],
)
def test_the_delimiter_is_told(text: str, delimiter: str) -> None:
    found = detect(text.encode())
    assert (found.format, found.delimiter) == ("csv", delimiter)
    assert found.structure is not None
    assert not found.structure["columns"][0].startswith("\ufeff")


def test_rows_that_are_not_as_wide_are_named() -> None:
    found = detect(b"a;b;c\n1;2\n3;4;5\n6;7;8;9\n1;1;1\n1;1;1\n")
    assert found.warnings == ["Not as wide as the first row: row 2, 4."]


def test_columns_with_the_same_name_are_named() -> None:
    assert detect(b"a;b;a\n1;2;3\n").warnings == ["Columns with the same name: a."]


@pytest.mark.timeout(60)
def test_a_table_of_very_many_columns_is_read_once() -> None:
    names = ";".join(f"c{number}" for number in range(300_000))
    found = detect(f"{names};c1\n".encode())
    assert found.warnings == ["Columns with the same name: c1."]


def test_empty_lines_before_the_names_are_passed_over() -> None:
    found = detect(b"\n\norder;customer\n4711;Acme\n4712\n")
    assert found.structure == {"columns": ["order", "customer"], "rows": 2}
    assert found.warnings == ["Not as wide as the first row: row 5."]


def test_the_records_of_json_are_told() -> None:
    found = detect(b'[{"id": 1, "name": "x"}, {"id": 2, "weight": 3}]')
    assert found.structure == {"records": 2, "fields": ["id", "name", "weight"]}


def test_broken_json_is_told_where() -> None:
    (warning,) = detect(b'{"a": 1,\n "b": }').warnings
    assert "line 2" in warning


def test_the_records_of_xml_are_told() -> None:
    found = detect(
        "<orders><head/><order><id>1</id><city>Köln</city></order><order/></orders>".encode()
    )
    assert found.structure == {
        "root": "orders",
        "record": "order",
        "records": 2,
        "fields": ["id", "city"],
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'<!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>', "DOCTYPE"),
        (b"<a>" * 100_000, "deeper than 100"),
        (b"<a><b></a>", "not well-formed"),
    ],
)
def test_hostile_xml_is_told_and_not_read(content: bytes, words: str) -> None:
    found = detect(content)
    assert found.format == "xml"
    assert words in found.warnings[0]


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes_have_an_answer(content: bytes) -> None:
    assert detect(content).format in FORMATS


def test_an_xml_file_says_its_encoding() -> None:
    text = (
        '<?xml version="1.0" encoding="iso-8859-2"?><orders><order><to>Łódź</to></order></orders>'
    )
    found = detect(text.encode("iso-8859-2"))
    assert (found.format, found.encoding, found.warnings) == ("xml", "iso8859-2", [])


@pytest.mark.parametrize("name", ["hex", "idna", "unicode_escape", "utf-7", "moon", "utf-16"])
def test_an_xml_file_names_no_other_codec(name: str) -> None:
    text = f'<?xml version="1.0" encoding="{name}"?><orders><order/></orders>'
    assert detect(text.encode()).encoding == "utf-8"


def test_an_xml_file_that_is_not_what_it_says_is_told() -> None:
    found = detect('<?xml version="1.0" encoding="utf-8"?><o><a>é</a></o>'.encode("cp1252"))
    assert found.encoding == "cp1252"
    assert "says it is utf-8, and is not" in found.warnings[0]
