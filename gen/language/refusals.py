"""What to say about a line that the grammar refuses: each function here knows one mistake.

`explain` gets the tokens of the line and the index of the first that the parser could not take.  The functions are
tried in order; the first that answers is right.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Iterator, Sequence, Set
from typing import TypeAlias

from gen.diagnostics import Diagnostic, Span, visible
from gen.language.lines import CLAUSES, CLOSING, HEADERS, OPERAND_ENDS, Line
from gen.language.tokens import NEWLINE, Token

FOREIGN_TERMINALS = (
    "FOREIGN_OPERATOR",
    "BYTES_PREFIX",
    "UNTERMINATED_STRING",
    "MALFORMED_NUMBER",
    "FOREIGN_NAME",
    "FOREIGN_CHARACTER",
)
"""The terminals of grammar/nn.lark that no rule uses."""

_Tokens: TypeAlias = Sequence[Token]

_BEGINS_OPERAND = {
    *("NAME", "NUMBER", "STRING", "FORMATTED", "TRUE", "FALSE", "NONE", "ELLIPSIS", "LAMBDA", "AWAIT", "YIELD"),
    *CLOSING,
}


def explain(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic:
    """The diagnostic for a line whose token number `at` cannot be read; `expected` could have stood there."""
    for recognise in _RECOGNISERS:
        if diagnostic := recognise(tokens, at, expected):
            return diagnostic
    return _unexpected(tokens, at, expected)


# ---------------------------------------------------------------------------------- what is wrong with lines in a block


def bad_indentation(line: Line, deeper: bool) -> Diagnostic:
    """A line is indented, and no header before it opens a block; or it goes back to where no block began."""
    if "\t" in line.indent:
        message, hint = "This indentation mixes tabs and spaces, or matches no block", "indent with four spaces"
    elif deeper:
        message, hint = "This line is indented, but no block begins here", "remove the indentation"
    else:
        message, hint = (
            "This indentation matches none of the blocks around it",
            "align this line with the one that begins the block",
        )
    return Diagnostic("bad-indentation", message, line.tokens[0].span, hint=hint)


def missing_block(header: Line) -> Diagnostic:
    """No indented line follows a header."""
    words = header.tokens[1] if header.tokens[0].type == "ASYNC" else header.tokens[0]
    return Diagnostic(
        "bad-indentation",
        f"The body of this `{words}` is missing",
        header.tokens[0].span.to(header.tokens[-1].span),
        hint="write its statements below, indented by four spaces; one without any is `pass`",
    )


def misplaced_return(token: Token) -> Diagnostic:
    """A `return` that is in no `def`."""
    return Diagnostic(
        "misplaced-return",
        "`return` is outside of a `def`",
        token.span,
        hint="assign the model to a name instead: `model = Model(inputs, outputs)`",
    )


def misplaced_yield(token: Token) -> Diagnostic:
    """A `yield` or an `await` that is in no `def`."""
    return Diagnostic("misplaced-return", f"`{token}` is outside of a `def`", token.span, hint="remove it")


def misplaced_break(token: Token) -> Diagnostic:
    """A `break` or a `continue` that is in no loop."""
    message = f"`{token}` is outside of a loop"
    return Diagnostic("misplaced-break", message, token.span, hint="remove it, or indent it into the loop")


def lonely_decorator(line: Line) -> Diagnostic:
    """A decorator that decorates nothing."""
    span = line.tokens[0].span.to(line.tokens[-1].span)
    message = "No `def` or `class` follows this decorator"
    return Diagnostic("syntax-error", message, span, hint="write the `def` directly below it, or remove it")


def lonely_star(span: Span) -> Diagnostic:
    """`*items` where there is nothing to unpack it into."""
    hint = "write `[*…]` for a list, or a comma after it for a tuple"
    return Diagnostic("syntax-error", "`*` can unpack only inside brackets or in a tuple", span, hint=hint)


# ----------------------------------------------------------------------------------------------------- what was written

_CHARACTERS = {
    "“": 'write strings with straight quotes: "…"',
    "”": 'write strings with straight quotes: "…"',
    "‘": "write strings with straight quotes: '…'",
    "’": "write strings with straight quotes: '…'",
    "\\": "a backslash continues a line only if it is the last character of the line",
    "\u00a0": "write an ordinary space",
    "×": "write `*`",
    "−": "write `-`",
    "–": "write `-`",
    "…": "write `...`, or every item",
}
_OPERATORS = {"<>": "write `!=`", "!": "write `not`", "?": "write `a if test else b`", "$": "remove it"}


def _syntax_error(span: Span, message: str, hint: str | None = None) -> Diagnostic:
    return Diagnostic("syntax-error", message, span, hint=hint)


def _keyword_as_name(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    """`class = 3`, `x.lambda`, `f(in=3)`, `def None():`."""
    for index in (at, at - 1):  # the parser may have taken the word, and stumbled over the `=`
        word = tokens[index].value if index >= 0 else ""
        if not keyword.iskeyword(word):
            continue
        before = tokens[index - 1].type if index > 0 else ""
        named = before in {"DEF", "CLASS", "FOR", "DOT", "AS", "IMPORT", "GLOBAL", "NONLOCAL"}
        if tokens[index + 1].type == "EQUAL" or (index == at and named):
            return Diagnostic(
                "keyword-name",
                f"`{word}` is a keyword of Python and cannot be a name",
                tokens[index].span,
                hint=f"choose another name, such as `{word.lower()}_`",
            )
    return None


def _foreign_text(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    token, span = tokens[at], tokens[at].span
    match token.type:
        case "UNTERMINATED_STRING":
            return _unterminated(token)
        case "MALFORMED_NUMBER":
            return Diagnostic("invalid-number", f"`{token}` is not a number", span, hint=_number_hint(token.value))
        case "FOREIGN_NAME":
            message = f"The name `{visible(token.value)}` contains a letter outside of ASCII"
            return Diagnostic("non-ascii-name", message, span, hint="use the letters a to z, digits, and `_`")
        case "FOREIGN_CHARACTER":
            message = f"The character {visible(token.value)} means nothing here"
            return _syntax_error(span, message, _CHARACTERS.get(token.value))
        case "FOREIGN_OPERATOR":
            return _syntax_error(span, f"`{token}` means nothing here", _OPERATORS[token.value])
        case "BYTES_PREFIX":
            kind = "byte" if "b" in token.value.lower() else "template"
            message = f"There are no {kind} strings"
            return Diagnostic("unsupported-syntax", message, span, hint=f"remove the `{token}`")
    return None


def _unterminated(token: Token) -> Diagnostic:
    start, text = token.span.start, token.value.lstrip("rRuUfF")
    quote = text[:3] if text[:3] in {'"""', "'''"} else text[0]
    message = "This string does not end" if len(quote) == 3 else "This string does not end on this line"
    span = Span(start, start + len(token.value) - len(text) + len(quote))
    return Diagnostic("unterminated-string", message, span, hint=f"end it with {quote}")


def _number_hint(text: str) -> str | None:
    if text.lstrip("0").isdigit():
        return f"write `{text.lstrip('0')}`: a number cannot begin with 0"
    if text[-1] in "jJ":
        return "there are no complex numbers"
    return "a name cannot begin with a digit" if text.isidentifier() or text[-1].isalpha() else None


def _stray_clause(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    """`else:` without an `if`."""
    if at > 0 or tokens[0].type not in CLAUSES:
        return None
    message = f"This `{tokens[0]}` belongs to no {_WITH_CLAUSES[tokens[0].type]}"
    return _syntax_error(tokens[0].span, message, "indent it like the line that it belongs to")


_WITH_CLAUSES = {"ELIF": "`if`", "ELSE": "`if`, loop or `try`", "EXCEPT": "`try`", "FINALLY": "`try`"}


def _outside_of_cases(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    if at > 0 or "CASE" not in expected or "NAME" in expected:
        return None
    return _syntax_error(tokens[0].span, "The block of a `match` has only `case` lines", "write `case …:` above it")


def _else_if(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    if tokens[0].type != "ELSE" or at != 1 or tokens[1].type != "IF":
        return None
    return _syntax_error(tokens[0].span.to(tokens[1].span), "There is no `else if`", "write `elif`")


def _two_kinds(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    """`except KeyError, error:`."""
    if tokens[0].type != "EXCEPT" or tokens[at].type != "COMMA" or _innermost_bracket(tokens, at):
        return None
    hint = "put several kinds in brackets: `except (A, B):`; name the exception with `as`"
    return _syntax_error(tokens[at].span, "`except` takes one kind", hint)


def _equal_sign(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    """`if a = b:`, `f(a.b=1)`, `[a = 1]`."""
    if tokens[at].type != "EQUAL":
        return None
    span = tokens[at].span
    bracket = _innermost_bracket(tokens, at)
    if bracket is None and tokens[0].type in HEADERS | {"ASSERT", "RETURN"}:
        return _syntax_error(span, "`=` cannot stand here: it does not compare", "to compare, write `==`")
    if bracket is None:
        return None
    if bracket.type == "LPAR":
        hint = "write `name=value`, with a plain name; to compare, write `==`"
        return _syntax_error(span, "The text before this `=` is not the name of an argument", hint)
    hint = "in a dict, write `key: value`" if bracket.type == "LBRACE" else "assign it on a separate line"
    return _syntax_error(span, f"There can be no `=` inside `{bracket}`", hint)


def _missing_colon(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    """A header that ends without its colon, or goes on with the body."""
    headers = HEADERS | {"MATCH", "CASE"}
    if tokens[0].type not in headers or "COLON" not in expected or _innermost_bracket(tokens, at):
        return None
    if any(token.type == "COLON" for token in _outside_brackets(tokens)):
        return None
    span = Span(tokens[at - 1].span.end, tokens[at - 1].span.end)
    return _syntax_error(span, "The `:` is missing", f"a `{tokens[0]}` line ends with `:`")


def _early_end(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    if tokens[at].type != NEWLINE:
        return None
    span, last = tokens[at].span, tokens[at - 1]
    hint = None
    if at > 2 and last.value == tokens[at - 2].value and last.type in {"PLUS", "MINUS"}:
        hint = f"write `{tokens[0]} {last}= 1`"
    return _syntax_error(span, f"The statement ends after `{last}`, but it is incomplete", hint)


def _doubled_sign(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    """`a && b`."""
    words = {"AMPERSAND": "and", "BAR": "or"}
    if at == 0 or tokens[at].type not in words or tokens[at - 1].type != tokens[at].type:
        return None
    span = tokens[at - 1].span.to(tokens[at].span)
    return _syntax_error(span, f"There is no `{tokens[at].value * 2}`", f"write `{words[tokens[at].type]}`")


def _generator_among_arguments(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    bracket = _innermost_bracket(tokens, at)
    if bracket is None or bracket.type != "LPAR" or tokens[at].type not in {"COMMA", "FOR"}:
        return None
    if not any(token.type == "FOR" and token.span.start > bracket.span.start for token in tokens[: at + 1]):
        return None
    hint = "put it in brackets of its own: `f((x for x in items), 1)`"
    return _syntax_error(tokens[at].span, "This comprehension is not alone in its brackets", hint)


def _dict_entry(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    bracket = _innermost_bracket(tokens, at)
    if bracket is None or bracket.type != "LBRACE" or tokens[at].type in {"RPAR", "RSQB"}:
        return None
    if tokens[at - 1].type in OPERAND_ENDS and tokens[at].type in _BEGINS_OPERAND - {"LPAR", "LSQB"}:
        return None
    message = "This is neither an entry of a dict nor an item of a set"
    return _syntax_error(tokens[at].span, message, "in a dict, each entry is `key: value`")


def _missing_separator(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    """Two operands with nothing between them."""
    if at == 0 or tokens[at].type not in _BEGINS_OPERAND or tokens[at - 1].type not in OPERAND_ENDS:
        return None
    if _innermost_bracket(tokens, at):
        hint = "a comma or an operator is missing between them"
    elif tokens[0].value in {"print", "exec"} and at == 1:
        hint = "put the argument in brackets"
    else:
        hint = "an operator is missing between them, or the second one belongs on a separate line"
    message = f"`{tokens[at - 1]}` and `{tokens[at]}` are next to each other"
    return _syntax_error(tokens[at].span, message, hint)


def _incomplete_conditional(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic | None:
    """`a if b`, without `else`."""
    if "ELSE" not in expected or "COLON" in expected or not any(token.type == "IF" for token in tokens[:at]):
        return None
    message = "The `else` of this condition is missing"
    return _syntax_error(tokens[at].span, message, "write `a if test else b`")


def _unexpected(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic:
    hint = next((f"`{sign}` is expected here" for kind, sign in _SIGNS.items() if expected == {kind}), None)
    return _syntax_error(tokens[at].span, f"`{visible(tokens[at].value)}` is not allowed here", hint)


_SIGNS = {"EQUAL": "=", "COLON": ":", "IN": "in", "LPAR": "(", "RPAR": ")", "IMPORT": "import", "NAME": "a name"}


def _outside_brackets(tokens: _Tokens) -> Iterator[Token]:
    depth = 0
    for token in tokens:
        depth += (token.value in {"(", "[", "{"}) - (token.value in {")", "]", "}"})
        if depth == 0:
            yield token


def _innermost_bracket(tokens: _Tokens, at: int) -> Token | None:
    """The bracket that is open before token `at`."""
    opened: list[Token] = []
    for token in tokens[:at]:
        if token.value in {"(", "[", "{"}:
            opened.append(token)
        elif token.value in {")", "]", "}"}:
            opened.pop()
    return opened[-1] if opened else None


_RECOGNISERS: tuple[Callable[[_Tokens, int, Set[str]], Diagnostic | None], ...] = (
    _keyword_as_name,
    _foreign_text,
    _stray_clause,
    _outside_of_cases,
    _else_if,
    _two_kinds,
    _missing_colon,
    _equal_sign,
    _incomplete_conditional,
    _early_end,
    _doubled_sign,
    _generator_among_arguments,
    _dict_entry,
    _missing_separator,
)
