from pathlib import Path

from buildpacks.debian.sources import AptSource, fields, parse_lines, parse_stanzas, read


def test_a_line_names_one_suite() -> None:
    text = """
    # deb http://old.example.com/debian buster main
    deb http://mirror.example.com/debian/ bookworm main contrib # a comment
    deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://b.example.com/d trixie main
    deb-src http://mirror.example.com/debian bookworm main
    """
    assert list(parse_lines(text)) == [
        AptSource("http://mirror.example.com/debian", "bookworm", ("main", "contrib")),
        AptSource("https://b.example.com/d", "trixie", ("main",)),
    ]


def test_a_stanza_names_every_uri_with_every_suite() -> None:
    text = """Types: deb deb-src
# a comment in the middle
URIs: http://a.example.com/debian
 http://b.example.com/debian/
Suites: trixie trixie-updates
Components: main

Types: deb
URIs: http://c.example.com/debian
Suites: trixie
Components: main
Enabled: no

Types: deb-src
URIs: http://d.example.com/debian
Suites: trixie
Components: main
"""
    assert [(source.uri[7], source.suite) for source in parse_stanzas(text)] == [
        ("a", "trixie"),
        ("a", "trixie-updates"),
        ("b", "trixie"),
        ("b", "trixie-updates"),
    ]


def test_the_machine_s_files_are_read_in_apt_s_order(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://one.example.com/debian trixie main\n")
    (parts / "b.list").write_text(
        "deb http://two.example.com/debian trixie main\n"
        "deb http://one.example.com/debian trixie main\n"
        "deb file:/srv/debian trixie main\n"
        "deb http://flat.example.com/debian ./\n"
    )
    (parts / "a.sources").write_text(
        "Types: deb\nURIs: https://three.example.com\nSuites: trixie\nComponents: main\n"
    )
    (parts / "c.list.save").write_text("deb http://four.example.com/debian trixie main\n")
    assert [source.uri for source in read(tmp_path)] == [
        "http://one.example.com/debian",
        "https://three.example.com",
        "http://two.example.com/debian",
    ]


def test_a_machine_without_apt_has_no_sources(tmp_path: Path) -> None:
    assert read(tmp_path / "missing") == []


def test_folded_fields_are_joined() -> None:
    assert fields("Depends: a,\n b\nVersion: 1:2\n") == {"depends": "a, b", "version": "1:2"}
