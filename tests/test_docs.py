"""Pages that are made from the code say what the code says."""

from pathlib import Path

from empire import settings

DOCS = Path(__file__).parent.parent / "docs"


def test_the_settings_page_is_up_to_date() -> None:
    assert (DOCS / "settings.md").read_text() == settings.page()
