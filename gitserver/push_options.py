"""What `git push -o` may say."""

from dataclasses import dataclass

from gitserver import errors

KNOWN = ("detach", "dry-run", "message=TEXT", "no-cache")
MESSAGE_MAX = 200  # characters, as of a commit's subject


@dataclass(frozen=True, slots=True)
class PushOptions:
    """The options of one push. An empty message means the commit's own subject."""

    message: str = ""
    is_detached: bool = False
    is_dry: bool = False
    is_fresh: bool = False


def parse(words: tuple[str, ...]) -> PushOptions:
    """Return what the words mean; raises InvalidInput that names one that means nothing."""
    message, flags = "", set[str]()
    for word in words:
        name, _, value = word.partition("=")
        if name in flags:
            raise errors.option_twice(name)
        if word not in KNOWN and not (name == "message" and value.strip()):
            raise errors.unknown_option(word, KNOWN)
        flags.add(name)
        message = value.strip()[:MESSAGE_MAX] or message
    return PushOptions(message, "detach" in flags, "dry-run" in flags, "no-cache" in flags)
