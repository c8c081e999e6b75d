"""The options of commands that are settings: made of the entries in `gen/settings.py`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from gen.given import GivenError, parse
from gen.settings import DEFINITIONS, FLAG, MODELS, PATHS, SETTINGS, Models, Setting, told

T = TypeVar("T")


def follows_settings(command: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """Give a command its options that are settings; the function gets what they say as `given`."""
    taken = [name for name, setting in SETTINGS.items() if command in setting.commands]

    def decorate(function: Callable[..., T]) -> Callable[..., T]:
        @functools.wraps(function)
        def with_settings(*args: Any, **kwargs: Any) -> T:
            given = told(**{name: kwargs.pop(name) for name in taken})
            return function(*args, given=given, **kwargs)

        for name in reversed(taken):
            _option(name, SETTINGS[name])(with_settings)
        return with_settings

    return decorate


def _option(name: str, setting: Setting) -> Callable[[Callable[..., T]], Callable[..., T]]:
    if setting.kind is FLAG:
        return click.option(*setting.spellings, name, default=None, help=setting.help)
    if setting.kind is DEFINITIONS:
        return click.option(
            *setting.spellings,
            name,
            multiple=True,
            metavar=setting.metavar,
            help=setting.help,
            callback=_defined,
        )
    if setting.kind is MODELS:
        return click.option(*setting.spellings, name, metavar=setting.metavar, help=setting.help, callback=_asked)
    several, path = setting.kind is PATHS, click.Path(path_type=Path)
    return click.option(
        *setting.spellings, name, multiple=several, metavar=setting.metavar, type=path, help=setting.help
    )


def _asked(context: click.Context, parameter: click.Parameter, name: str | None) -> Models | None:
    """The model that `--model NAME` asks for."""
    return None if name is None else ((None, name),)


def _defined(context: click.Context, parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, Any] | None:
    """The values that `--define NAME=VALUE` gives."""
    try:
        return parse(texts) if texts else None
    except GivenError as error:
        raise click.UsageError(str(error), context) from error
