"""Names checked once, on construction: whoever holds an AppName holds a valid one.

They are `str` subclasses, not NewTypes, because a column and a JSON body take them as they are.
"""

import re
from typing import TYPE_CHECKING, Any, ClassVar, Self

from empire.errors import InvalidInput

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema


class Name(str):
    """A string that matches its class's pattern; raises InvalidInput on construction if not."""

    __slots__ = ()
    noun: ClassVar[str]
    pattern: ClassVar[re.Pattern[str]]
    rule: ClassVar[str]

    def __new__(cls, value: str) -> Self:
        """Return the checked name."""
        if not cls.pattern.fullmatch(value):
            raise InvalidInput(f"{shown(value)} is not {cls.noun}.", why=cls.rule)
        return super().__new__(cls, value)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


class AppName(Name):
    """The name of an app, as Heroku restricts it (platform API schema, app.name)."""

    __slots__ = ()
    noun = "an app name"
    pattern = re.compile(r"[a-z][a-z0-9-]{1,28}[a-z0-9]")
    rule = (
        "An app name has 3 to 30 characters: lower-case letters, digits and dashes; "
        "it starts with a letter and does not end with a dash."
    )


class Sha(Name):
    """A git object id: 40 hexadecimal digits."""

    __slots__ = ()
    noun = "a commit id"
    pattern = re.compile(r"[0-9a-f]{40}")
    rule = "A commit id has 40 hexadecimal digits."

    @property
    def short(self) -> str:
        """The first eight digits, as a person reads them."""
        return self[:8]


class Hostname(Name):
    """A DNS host name in lower case without a trailing dot (RFC 1123)."""

    __slots__ = ()
    noun = "a host name"
    pattern = re.compile(
        r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+"
    )
    rule = "A host name has labels of letters, digits and dashes, joined by dots."


class DomainName(Hostname):
    """A host name that an app may be given: of the DNS, or `*.` before one for all names below it."""

    __slots__ = ()
    noun = "a domain"
    pattern = re.compile(
        r"(?=.{1,253}$)(\*\.(?=[^.]+\.))?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+"
        r"[a-z]([a-z0-9-]{0,61}[a-z0-9])"
    )
    rule = (
        "A domain has labels of letters, digits and dashes, joined by dots, such as www.example.com; "
        "*.example.com stands for all names below example.com."
    )

    @classmethod
    def typed(cls, text: str) -> Self:
        """Return the name that a person typed, in ASCII and lower case; raises InvalidInput."""
        plain = text.strip().rstrip(".")
        if plain.isascii():
            return cls(plain.lower())
        import idna

        star = "*." if plain.startswith("*.") else ""
        try:
            return cls(star + idna.encode(plain.removeprefix("*."), uts46=True).decode())
        except idna.IDNAError as error:
            raise InvalidInput(f"{shown(text)} is not {cls.noun}.", why=str(error)) from None


class ProcessType(Name):
    """A process type of a Procfile, such as web or worker."""

    __slots__ = ()
    noun = "a process type"
    pattern = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
    rule = "A process type has up to 63 letters, digits, dashes and underscores."


class ConfigName(Name):
    """The name of a config var: what an environment can hold."""

    __slots__ = ()
    noun = "a config var name"
    pattern = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
    rule = "A config var name has letters, digits and underscores and does not start with a digit."


class ImageRef(Name):
    """A reference that pins one image: an engine's image id or a repository with a digest."""

    __slots__ = ()
    noun = "an image reference"
    pattern = re.compile(r"([a-zA-Z0-9][\w./:-]*@)?sha256:[0-9a-f]{64}")
    rule = "An image is named by its digest: sha256: and 64 hexadecimal digits."


class ImageName(Name):
    """What people call an image: an engine's id, or a repository with or without tag and digest."""

    __slots__ = ()
    noun = "the name of an image"
    pattern = re.compile(
        r"(?=.{1,255}$)(sha256:[0-9a-f]{64}"
        r"|(localhost(:\d+)?/|[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)*(:\d+)?/)?"
        r"[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
        r"(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?)"
    )
    rule = "An image is named like registry.example.com/team/app:tag, or by a digest behind an @."

    @property
    def is_pinned(self) -> bool:
        """Tell whether it can never mean another image."""
        return "sha256:" in self

    @property
    def registry(self) -> str:
        """The host that it says it is kept at; empty for one that names none."""
        first, slash, _ = self.partition("/")
        return first if slash and (set(".:") & set(first) or first == "localhost") else ""

    @property
    def parts(self) -> tuple[str, str]:
        """The repository, and the tag or the digest."""
        name, _, digest = self.partition("@")
        head, colon, tag = name.rpartition(":")
        has_tag = bool(colon) and "/" not in tag
        return (head if has_tag else name), digest or (tag if has_tag else "latest")


def shown(value: str, limit: int = 60) -> str:
    """Return the value as it may stand in a message: quoted, printable, at most limit characters."""
    text = value if len(value) <= limit else value[:limit] + "..."
    return repr(text)


def whole_number(text: str) -> int | None:
    """Return the number that the text is, or None; larger ones than a column holds are none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
