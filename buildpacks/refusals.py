"""What a Dockerfile may not do, in the words that its author reads."""

from empire.errors import BuildFailed, InvalidInput
from empire.names import shown


def others_image(image: str) -> BuildFailed:
    """A Dockerfile names an image that belongs to another app."""
    return BuildFailed(
        f"The Dockerfile builds from {shown(image)}, which is another app's image.",
        why="What an app is made of is for those who may see that app.",
        fix="Build from this app's own images, from empire/python:3 and the like, "
        "or from an image in a registry.",
    )


def undecided_image(text: str) -> BuildFailed:
    """It cannot be told which image a Dockerfile names."""
    return BuildFailed(
        f"It cannot be told which image this line of the Dockerfile means: {shown(text)}",
        why="Other apps' images are not to be built from, so each name has to be clear beforehand.",
        fix="Write the image's name, or an ARG with a default before the first FROM.",
    )


def foreign_syntax(image: str) -> BuildFailed:
    """A Dockerfile wants to be read by a program that could do anything with the engine's images."""
    return BuildFailed(
        f"The Dockerfile's syntax image {shown(image)} is not allowed here.",
        why="It decides what is built, also from images of other apps.",
        fix="Use docker/dockerfile:1, or have the operator add the image's name to "
        "EMPIRE_BUILD_SYNTAX_IMAGES.",
    )


def unclear_dockerfile(why: str) -> BuildFailed:
    """A Dockerfile is written so that engines may read it in several ways."""
    return BuildFailed("The Dockerfile cannot be read with certainty.", why=why)


def unreadable_key(name: str) -> InvalidInput:
    """A config var that should hold a deploy key holds none."""
    return InvalidInput(
        f"The config var {name} holds no private key that can be used.",
        why="It has to be one of Ed25519, RSA or ECDSA, in OpenSSH's format or PEM, without a "
        "passphrase.",
        fix=f'ssh-keygen -t ed25519 -N "" -f key; empire config:set {name}="$(cat key)"',
    )
