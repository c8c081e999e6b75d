"""A Pygments lexer for `.nn` files, and so for Sphinx, MkDocs, LaTeX, and other tools that show code with Pygments.

Pygments finds it through an entry point: by the language `nn`, and by the name of a file.
"""

from __future__ import annotations

from typing import ClassVar

from pygments.lexer import RegexLexer, bygroups, include
from pygments.regexopt import regex_opt
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, Punctuation, String, Whitespace
from pygments.util import Future

from gen.language.words import KEYWORDS, words


class _Words(Future):
    """Matches the words of a kind, which it looks up when it reads the first text."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def get(self) -> str:  # type: ignore[override]  # which is said to give nothing
        return regex_opt(words()[self.kind], prefix=r"\b", suffix=r"\b")


_NAME = r"[A-Za-z_]\w*"
_ESCAPE = r"\\(?:[\\'\"abfnrtv\n]|[0-7]{1,3}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|N\{[^}]+\})"
_NUMBER = (
    r"(?<![\w.])(?:0[xX][0-9A-Fa-f_]+|0[oO][0-7_]+|0[bB][01_]+"
    r"|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?)(?!\w)"
)
_QUOTES = ('"""', "'''", '"', "'")
_STATEMENT_WORDS = sorted(set(KEYWORDS) - {"True", "False", "None", "import", "from", "as", "and", "is", "not", "or"})
_KINDS = {
    "reserved": Error,
    "model": Name.Class,
    "layer": Name.Class,
    **dict.fromkeys(
        ("activation", "loss", "metric", "optimizer", "schedule", "initializer", "regularizer", "constraint"),
        Name.Builtin,
    ),
}


def _until(end: str, token: object) -> list[object]:
    """The rules inside a string that ends with `end`, or with the line if `end` is a single quote."""
    line = "" if len(end) == 3 else r"\n"
    return [
        (end, token, "#pop"),
        (_ESCAPE, String.Escape),
        (rf"[^\\{end[0]}{line}]+", token),
        *([] if len(end) == 3 else [(r"\n", Whitespace, "#pop")]),
        (r".", token),
    ]


def _until_or_field(end: str) -> list[object]:
    """The rules inside a formatted string, whose fields are expressions."""
    ending, escape, text, *rest = _until(end, String)
    plain = str(text[0]) if isinstance(text, tuple) else ""
    fields = [(r"\{\{|\}\}", String.Escape), (r"\{", String.Interpol, "field")]
    return [ending, escape, *fields, (plain.replace("[^", "[^{}"), String), *rest]


class NnLexer(RegexLexer):
    """Reads `.nn` files: neural networks for the compiler gen."""

    name = ".nn network"
    aliases: ClassVar[list[str]] = ["nn"]
    filenames: ClassVar[list[str]] = ["*.nn"]
    tokens: ClassVar[dict[str, list[object]]] = {
        "root": [
            *((rf"^([ \t]*)([rRuU]?{end})", bygroups(Whitespace, String.Doc), f"doc{end}") for end in ('"""', "'''")),
            include("expression"),
        ],
        "expression": [
            (r"\n|[^\S\n]+", Whitespace),
            (r"#.*$", Comment.Single),
            *((rf"\b(?:[fF][rR]?|[rR][fF]){end}", String, f"f{end}") for end in _QUOTES),
            *((rf"(?:\b[rRuU])?{end}", String, end) for end in _QUOTES),
            (_NUMBER, Number),
            (rf"^([ \t]*)(@)({_NAME}(?:\.{_NAME})*)", bygroups(Whitespace, Operator, Name.Decorator)),
            (rf"\b(def)(\s+)({_NAME})", bygroups(Keyword.Declaration, Whitespace, Name.Function)),
            (rf"\b(class)(\s+)({_NAME})", bygroups(Keyword.Declaration, Whitespace, Name.Class)),
            (r"\b(?:import|from|as)\b", Keyword.Namespace),
            (r"\b(?:and|is|not|or)\b", Operator.Word),
            (regex_opt(_STATEMENT_WORDS, prefix=r"\b", suffix=r"\b"), Keyword),
            (r"\b(?:True|False|None)\b", Keyword.Constant),
            (r"(?<=\.)(?:add|compile|fit|summary)(?=\s*\()", Name.Function),
            (rf"\b{_NAME}(?=\s*\.\s*[A-Za-z_])", Name.Namespace),
            *((_Words(kind), token) for kind, token in _KINDS.items()),
            (_NAME, Name),
            (r"\(", Punctuation, "arguments"),
            (r"[\[{]", Punctuation, "brackets"),
            (r":=|->|\*\*|//|<<|>>|[-+*/%@=<>!&|^~]", Operator),
            (r"\.\.\.|[,:.;)\]}\\]", Punctuation),
        ],
        "arguments": [
            (r"\)", Punctuation, "#pop"),
            (rf"\b({_NAME})(\s*)(=)(?!=)", bygroups(Name.Attribute, Whitespace, Operator)),
            include("expression"),
        ],
        "brackets": [(r"[\]}]", Punctuation, "#pop"), include("expression")],
        **{end: _until(end, String) for end in ('"""', "'''", '"', "'")},
        **{f"f{end}": _until_or_field(end) for end in _QUOTES},
        **{f"doc{end}": _until(end, String.Doc) for end in ('"""', "'''")},
        "field": [
            (r"(?:![rsa])?(?::[^{}'\"\n]*)?\}|$", String.Interpol, "#pop"),
            include("expression"),
        ],
    }
