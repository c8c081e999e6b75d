"""What to say about a line that the grammar refuses: each function here knows one mistake or one form of Python.

`explain` gets the tokens of the line and the index of the first that the parser could not take.  The functions are
tried in order; the first that answers is right.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Sequence, Set
from typing import TypeAlias

from lark import Token

from gen.diagnostics import Diagnostic, Span, visible
from gen.language.lines import CLOSING, NEWLINE, Line, span_of

FOREIGN_TERMINALS = (
    "RESERVED",
    "FOREIGN_OPERATOR",
    "STRING_PREFIX",
    "UNTERMINATED_STRING",
    "MALFORMED_NUMBER",
    "FOREIGN_NAME",
    "FOREIGN_CHARACTER",
)
"""The terminals of grammar/nn.lark that no rule uses."""

_Tokens: TypeAlias = Sequence[Token]

_BEGINS_OPERAND = {"NAME", "NUMBER", "STRING", "TRUE", "FALSE", "NONE", "LPAR", "LSQB", "LBRACE"}
_ENDS_OPERAND = {"NAME", "NUMBER", "STRING", "TRUE", "FALSE", "NONE", *CLOSING.values()}


def explain(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic:
    """The diagnostic for a line whose token number `at` cannot be read; `expected` could have stood there."""
    for recognise in _RECOGNISERS:
        if diagnostic := recognise(tokens, at):
            return diagnostic
    return _unexpected(tokens, at, expected)


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
    return Diagnostic("bad-indentation", message, span_of(line.tokens[0]), hint=hint)


def missing_block(header: Line) -> Diagnostic:
    """No indented line follows a header."""
    what = "`def`" if header.tokens[0].type == "DEF" else "`for`"
    return Diagnostic(
        "bad-indentation",
        f"The body of this {what} is missing",
        span_of(header.tokens[0]).to(span_of(header.tokens[-1])),
        hint="write its statements below, indented by four spaces",
    )


def misplaced_return(line: Line) -> Diagnostic:
    """A `return` that is in no `def`."""
    token = next(token for token in line.tokens if token.type == "RETURN")
    return Diagnostic(
        "misplaced-return",
        "`return` is outside of a `def`",
        span_of(token),
        hint="assign the model to a name instead: `model = Model(inputs, outputs)`",
    )


def misplaced_string(span: Span) -> Diagnostic:
    """A string that is a statement, where no documentation can stand."""
    return Diagnostic(
        "misplaced-string",
        "A string by itself does nothing here",
        span,
        hint="put documentation in the first line of a file or of a `def`; elsewhere, write a comment, `# …`",
    )


_VALUE_HINT = "write the value that you mean"

# One line each: what stands at the beginning of a statement that Python has and `.nn` files do not.
_STATEMENTS: dict[str, tuple[str, str]] = {
    "assert": ("There is no `assert`: gen checks every shape itself", "remove the line"),
    "async": ("There is no `async`", "remove the line"),
    "await": ("There is no `await`", "remove the line"),
    "break": ("There is no `break`: a loop runs to its end", "choose the `range` so that it ends where it should"),
    "class": ("There are no classes", "write a `def` that applies the layers, and call it"),
    "continue": ("There is no `continue`: a loop repeats its whole body", "choose the `range` accordingly"),
    "del": ("There is no `del`", "remove the line: gen leaves out everything that reaches no output"),
    "elif": ("There are no conditions: a file describes one model", "write one file for each variant"),
    "else": ("There are no conditions: a file describes one model", "write one file for each variant"),
    "except": ("There are no exceptions", "remove the `try`, and keep its body"),
    "finally": ("There are no exceptions", "remove the `try`, and keep its body"),
    "global": ("There is no `global`", "give the value to the `def` as a parameter"),
    "if": ("There are no conditions: a file describes one model", "write one file for each variant"),
    "nonlocal": ("There is no `nonlocal`", "give the value to the `def` as a parameter"),
    "pass": ("There is no `pass`: an empty body means nothing", "remove the block"),
    "raise": ("There are no exceptions", "remove the line"),
    "try": ("There are no exceptions", "remove the `try`, and keep its body"),
    "while": ("There is no `while`: a model has a fixed size", "write `for i in range(n):`"),
    "with": ("There is no `with`", "remove the `with`, and keep its body"),
    "yield": ("There is no `yield`", "write `return`"),
}

_IN_EXPRESSIONS: dict[str, tuple[str, str]] = {
    "and": ("There are no conditions, so there is no `and`", _VALUE_HINT),
    "await": _STATEMENTS["await"],
    "else": ("There are no conditions: a file describes one model", _VALUE_HINT),
    "if": ("There are no conditions: a file describes one model", _VALUE_HINT),
    "is": ("There are no comparisons", "write `True` or `False`"),
    "lambda": ("There is no `lambda`", "write a `def`, or a layer: `Rescaling(2.0)` for `lambda x: 2 * x`"),
    "not": ("There are no conditions, so there is no `not`", "write `True` or `False`"),
    "or": ("There are no conditions, so there is no `or`", _VALUE_HINT),
    "yield": _STATEMENTS["yield"],
}

_COMPARISONS = {"==", "!=", "<", ">", "<=", ">=", "<>"}

_OPERATORS: dict[str, tuple[str, str]] = {
    ";": ("A line can contain only one statement", "start a new line instead of writing `;`"),
    "...": ("`...` means nothing here", "write every axis of a slice: `x[:, -1, :]`"),
    ":=": ("There is no `:=`", "assign the name on a separate line: `name = …`"),
    "->": ("There are no annotations: gen finds the shapes", "remove `-> …`"),
    "!": ("`!` means nothing here", "remove it"),
    "&": ("There is no `&`", "for tensors, write `a * b`"),
    "|": ("There is no `|`", "for tensors, write `Maximum()([a, b])`"),
    "^": ("There is no `^`", "a power is written `a ** b`"),
    "~": ("There is no `~`", "remove it"),
    "<<": ("There is no `<<`", "write `a * 2 ** b`"),
    ">>": ("There is no `>>`", "write `a // 2 ** b`"),
}

_CHARACTERS = {
    "“": 'write strings with straight quotes: "…"',
    "”": 'write strings with straight quotes: "…"',
    "‘": "write strings with straight quotes: '…'",
    "’": "write strings with straight quotes: '…'",
    "\\": "a backslash does not continue a line: put the expression in brackets",
    "\u00a0": "write an ordinary space",
    "×": "write `*`",
    "−": "write `-`",
    "–": "write `-`",
    "…": "write every item",
}


def _unsupported(span: Span, message: str, hint: str) -> Diagnostic:
    return Diagnostic("unsupported-syntax", message, span, hint=hint)


def _keyword_as_name(tokens: _Tokens, at: int) -> Diagnostic | None:
    """`class = 3`, `x.lambda`, `f(in=3)`, `def None():`."""
    for index in (at, at - 1):  # the parser may have taken the word, and stumbled over the `=`
        word = tokens[index].value if index >= 0 else ""
        if not keyword.iskeyword(word):
            continue
        before = tokens[index - 1].type if index > 0 else ""
        if tokens[index + 1].type == "EQUAL" or (index == at and before in {"DEF", "FOR", "DOT", "AS", "IMPORT"}):
            return Diagnostic(
                "keyword-name",
                f"`{word}` is a keyword of Python and cannot be a name",
                span_of(tokens[index]),
                hint=f"choose another name, such as `{word.lower()}_`",
            )
    return None


def _reserved_word(tokens: _Tokens, at: int) -> Diagnostic | None:
    token = tokens[at]
    if token.type != "RESERVED":
        return None
    table = _STATEMENTS if at == 0 else _IN_EXPRESSIONS
    default = (f"`{token}` means nothing here", "remove it")
    message, hint = table.get(token.value) or _IN_EXPRESSIONS.get(token.value) or _STATEMENTS.get(token.value, default)
    return _unsupported(span_of(token), message, hint)


def _foreign_operator(tokens: _Tokens, at: int) -> Diagnostic | None:
    token = tokens[at]
    if token.type != "FOREIGN_OPERATOR":
        return None
    span, sign = span_of(token), token.value
    if sign in _COMPARISONS:
        return _unsupported(span, "There are no comparisons: a file describes one model", _VALUE_HINT)
    if sign in _OPERATORS:
        return _unsupported(span, *_OPERATORS[sign])
    target = tokens[0].value if at == 1 else "x"
    return _unsupported(span, f"There is no `{sign}`", f"write `{target} = {target} {sign[:-1]} …`")


def _comprehension(tokens: _Tokens, at: int) -> Diagnostic | None:
    if at == 0 or tokens[at].type != "FOR":
        return None
    hint = "write out the items, or use a `for` loop that calls `model.add(…)` or reassigns a tensor"
    return _unsupported(span_of(tokens[at]), "There are no comprehensions", hint)


def _membership(tokens: _Tokens, at: int) -> Diagnostic | None:
    if tokens[at].type != "IN":
        return None
    return _unsupported(span_of(tokens[at]), "There is no `in` outside of `for`", _VALUE_HINT)


def _decorator(tokens: _Tokens, at: int) -> Diagnostic | None:
    if at > 0 or tokens[0].type != "AT":
        return None
    return _unsupported(span_of(tokens[0]), "There are no decorators", "remove the line")


def _unpacking(tokens: _Tokens, at: int) -> Diagnostic | None:
    """`f(*items)`, `f(**options)`, `def f(*items)`, `[*items]`."""
    if tokens[at].type not in {"STAR", "DOUBLE_STAR"}:
        return None
    if at > 0 and tokens[at - 1].type not in {"LPAR", "LSQB", "LBRACE", "COMMA", "EQUAL", "RETURN"}:
        return None
    hint = "name every parameter" if tokens[0].type == "DEF" else "write out every item"
    return _unsupported(span_of(tokens[at]), f"There is no unpacking with `{tokens[at]}`", hint)


def _annotation(tokens: _Tokens, at: int) -> Diagnostic | None:
    """`x: int = 3`, `def f(x: int):`."""
    if tokens[at].type != "COLON" or at == 0 or tokens[at - 1].type != "NAME":
        return None
    bracket = _innermost_bracket(tokens, at)
    in_parameters = tokens[0].type == "DEF" and bracket is not None and bracket.type == "LPAR"
    if not in_parameters and at != 1:
        return None
    hint = f"write `{tokens[at - 1]}` alone" if in_parameters else f"write `{tokens[0]} = …`"
    return _unsupported(span_of(tokens[at]), "There are no annotations: gen finds shapes and types", hint)


def _equal_sign(tokens: _Tokens, at: int) -> Diagnostic | None:
    """`a = b = c`, `f(a.b=1)`, `[a = 1]`."""
    if tokens[at].type != "EQUAL":
        return None
    span = span_of(tokens[at])
    bracket = _innermost_bracket(tokens, at)
    if bracket is None:
        hint = f"write two lines: `{tokens[0]} = …`, then the other name"
        return _unsupported(span, "A statement can have only one `=`", hint)
    if bracket.type == "LPAR":
        hint = "write `name=value`, with a plain name"
        return Diagnostic("syntax-error", "The text before this `=` is not the name of an argument", span, hint=hint)
    hint = "in a dict, write `key: value`" if bracket.type == "LBRACE" else "assign it on a separate line"
    return Diagnostic("syntax-error", f"There can be no `=` inside `{bracket}`", span, hint=hint)


def _string_prefix(tokens: _Tokens, at: int) -> Diagnostic | None:
    token = tokens[at]
    if token.type != "STRING_PREFIX":
        return None
    if "f" in token.lower() or "t" in token.lower():
        hint = "write the text itself; without a name, gen names each layer of a loop"
        return _unsupported(span_of(token), "There are no formatted strings", hint)
    return _unsupported(span_of(token), "There are no byte strings", f"remove the `{token}`")


def _neighbouring_strings(tokens: _Tokens, at: int) -> Diagnostic | None:
    if at == 0 or tokens[at].type != "STRING" or tokens[at - 1].type != "STRING":
        return None
    return Diagnostic(
        "syntax-error",
        "Two strings are next to each other",
        span_of(tokens[at - 1]).to(span_of(tokens[at])),
        hint="put a comma between them, or join them into one string",
    )


def _foreign_text(tokens: _Tokens, at: int) -> Diagnostic | None:
    token, span = tokens[at], span_of(tokens[at])
    match token.type:
        case "UNTERMINATED_STRING":
            return _unterminated(token)
        case "MALFORMED_NUMBER":
            return Diagnostic("invalid-number", f"`{token}` is not a number", span, hint=_number_hint(token.value))
        case "FOREIGN_NAME":
            message = f"The name `{visible(token)}` contains a letter outside of ASCII"
            return Diagnostic("non-ascii-name", message, span, hint="use the letters a to z, digits, and `_`")
        case "FOREIGN_CHARACTER":
            message = f"The character {visible(token)} means nothing here"
            return Diagnostic("syntax-error", message, span, hint=_CHARACTERS.get(token.value))
    return None


def _unterminated(token: Token) -> Diagnostic:
    start, text = span_of(token).start, token.lstrip("rRuU")
    quote = text[:3] if text[:3] in {'"""', "'''"} else text[0]
    message = "This string does not end" if len(quote) == 3 else "This string does not end on this line"
    span = Span(start, start + len(token) - len(text) + len(quote))
    return Diagnostic("unterminated-string", message, span, hint=f"end it with {quote}")


def _number_hint(text: str) -> str | None:
    if text.lstrip("0").isdigit():
        return f"write `{text.lstrip('0')}`: a number cannot begin with 0"
    if text[-1] in "jJ":
        return "there are no complex numbers"
    return "a name cannot begin with a digit" if text.isidentifier() or text[-1].isalpha() else None


def _dict_entry(tokens: _Tokens, at: int) -> Diagnostic | None:
    bracket = _innermost_bracket(tokens, at)
    if bracket is None or bracket.type != "LBRACE" or tokens[at].type in {"RPAR", "RSQB"}:
        return None
    if tokens[at - 1].type in _ENDS_OPERAND and tokens[at].type in _BEGINS_OPERAND - {"LPAR", "LSQB"}:
        return None
    message = "This is not an entry of a dict"
    return Diagnostic("syntax-error", message, span_of(tokens[at]), hint='write `name: value` or `"name": value`')


def _lone_string(tokens: _Tokens, at: int) -> Diagnostic | None:
    return misplaced_string(span_of(tokens[at])) if tokens[at].type == "DOCSTRING" else None


def _early_end(tokens: _Tokens, at: int) -> Diagnostic | None:
    if tokens[at].type != NEWLINE:
        return None
    span, last = span_of(tokens[at]), tokens[at - 1]
    if tokens[0].type in {"DEF", "FOR"} and last.type in _ENDS_OPERAND:
        return Diagnostic("syntax-error", "The `:` is missing", span, hint=f"a `{tokens[0]}` line ends with `:`")
    if last.type == "RETURN":
        return Diagnostic("syntax-error", "`return` needs a value", span, hint="return the tensor that the `def` makes")
    return Diagnostic("syntax-error", f"The statement ends after `{last}`, but it is incomplete", span)


def _missing_separator(tokens: _Tokens, at: int) -> Diagnostic | None:
    """Two operands with nothing between them."""
    if at == 0 or tokens[at].type not in _BEGINS_OPERAND or tokens[at - 1].type not in _ENDS_OPERAND:
        return None
    if _innermost_bracket(tokens, at):
        hint = "a comma or an operator is missing between them"
    elif tokens[0].value in {"print", "match", "type", "exec"} and at == 1:
        hint = "put the argument in brackets"
    else:
        hint = "an operator is missing between them, or the second one belongs on a separate line"
    message = f"`{tokens[at - 1]}` and `{tokens[at]}` are next to each other"
    return Diagnostic("syntax-error", message, span_of(tokens[at]), hint=hint)


def _unexpected(tokens: _Tokens, at: int, expected: Set[str]) -> Diagnostic:
    hint = next((f"`{sign}` is expected here" for kind, sign in _SIGNS.items() if expected == {kind}), None)
    return Diagnostic("syntax-error", f"`{tokens[at]}` is not allowed here", span_of(tokens[at]), hint=hint)


_SIGNS = {"EQUAL": "=", "COLON": ":", "IN": "in", "LPAR": "(", "RPAR": ")", "IMPORT": "import", "NAME": "a name"}


def _innermost_bracket(tokens: _Tokens, at: int) -> Token | None:
    """The bracket that is open before token `at`."""
    opened: list[Token] = []
    for token in tokens[:at]:
        if token.type in CLOSING:
            opened.append(token)
        elif token.type in CLOSING.values():
            opened.pop()
    return opened[-1] if opened else None


_RECOGNISERS: tuple[Callable[[_Tokens, int], Diagnostic | None], ...] = (
    _lone_string,
    _keyword_as_name,
    _reserved_word,
    _foreign_text,
    _foreign_operator,
    _string_prefix,
    _comprehension,
    _membership,
    _decorator,
    _unpacking,
    _annotation,
    _equal_sign,
    _early_end,
    _neighbouring_strings,
    _dict_entry,
    _missing_separator,
)
