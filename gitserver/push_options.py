"""What `git push -o` may say: message=TEXT and detach."""

from dataclasses import dataclass

from gitserver import errors

KNOWN = ("detach", "message=TEXT")
MESSAGE_MAX = 200  # characters, as of a commit's subject


@dataclass(frozen=True, slots=True)
class PushOptions:
    """The options of one push. An empty message means the commit's own subject."""

    message: str = ""
    is_detached: bool = False


def parse(words: tuple[str, ...]) -> PushOptions:
    """Return what the words mean; raises InvalidInput that names one that means nothing."""
    message, is_detached = "", False
    for word in words:
        name, _, value = word.partition("=")
        if word == "detach":
            is_detached = True
        elif name == "message" and value.strip():
            message = value.strip()[:MESSAGE_MAX]
        else:
            raise errors.unknown_option(word, KNOWN)
    return PushOptions(message, is_detached)
