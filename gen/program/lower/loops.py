"""Lowering of `scan`: statements that depend on the states stay in the loop; all others run for all steps at once.

The function of a step is inlined on its own, and each of its statements gets a place:

| place | statements |
| --- | --- |
| once | what is the same at each step |
| before | what the states depend on, and what does not depend on them: the projection of the inputs |
| inside | everything else that the states depend on, and what is not worth keeping its operands of all steps |
| after | what the states do not depend on: the gradient of a kernel, one product over all steps |

What is computed inside and read after the loop is stacked.  `lifting.py` does what is done outside of it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import FunctionType
from typing import Any

from gen.program import ops
from gen.program.ir import Loop, Program, Role, Statement, literal, operation, reads, substitute
from gen.program.lower.builder import Builder
from gen.program.lower.factors import blocks_at, join_factors
from gen.program.lower.lifting import Lifting, is_product
from gen.program.types import Array, ArrayType


def lower_scan(
    outer: Builder,
    rename: Callable[[str], str | None],
    run: Callable[..., Any],
    step: FunctionType,
    states: Mapping[str, Any],
    sequences: Mapping[str, Any],
    constants: Mapping[str, Any],
    every: bool = False,
    backwards: bool = False,
) -> tuple[dict[str, Array], dict[str, Any], dict[str, Any]]:
    """What `scan` gives: a loop among the statements of `outer`, and what is done before and after it."""
    scan = _Scan(outer, rename, every)
    at = scan.parts(sequences, "")
    now = {name: scan.state(name, first) for name, first in states.items()}
    bindings = dict(zip(step.__code__.co_varnames, (now, at, constants), strict=False))
    new, stacked, summed = run(scan.inner, step, bindings, lambda name: name).result
    outer.kernels.update(scan.inner.kernels)
    return scan.lower(states, new, stacked, summed, backwards)


class _Scan(Lifting):
    def __init__(self, outer: Builder, rename: Callable[[str], str | None], every: bool) -> None:
        super().__init__(outer, rename, every)
        self.used: set[str] = set()
        self.inside: list[Statement] = []
        self.occupied: set[str] = set()
        """What the loop reads of all steps whose place results of the loop take."""

    # ---------------------------------------------------------------------------------------- what the body starts from

    def parts(self, tree: Any, name: str) -> Any:
        """What a step has of the sequences."""
        if isinstance(tree, Mapping):
            return {key: self.parts(part, key) for key, part in tree.items()}
        return None if tree is None else self.part(tree, name)

    def part(self, array: Array, name: str) -> Array:
        for known, whole in self.whole.items():
            if whole == array:
                return Array(known, self.inner.types[known])
        self.steps = array.shape[0]
        contiguous = array.type.contiguous or _takes_whole_steps(self.outer, array)
        part = self.inner.parameter(self.local(name), ArrayType(array.shape[1:], array.type.dtype, contiguous))
        self.whole[part.name], self.level[part.name] = array, 1
        return part

    def state(self, name: str, first: Any) -> Array:
        state = self.inner.parameter(self.local(name), ArrayType(tuple(first.shape)))
        self.states[name], self.level[state.name] = state.name, 2
        return state

    def local(self, wanted: str) -> str:
        """A name for a variable of the loop; loops after each other may have the same."""
        for name in (wanted, self.rename(wanted) or wanted):
            if name not in self.used and (name in self.outer.local or name not in self.outer.taken):
                break
        else:
            name = self.outer.unique(self.rename(wanted) or wanted)
        self.used.add(name)
        self.outer.local.add(name)
        self.outer.taken.add(name)
        return name

    # -------------------------------------------------------------------------------------------------------- the whole

    def lower(
        self, first: Mapping[str, Any], new: dict[str, Array], stacked: Any, summed: Any, backwards: bool
    ) -> tuple[dict[str, Array], dict[str, Any], dict[str, Any]]:
        join_factors(self.inner, self.level, self.type_of)
        for statement in self.inner.statements:
            self.makers.update(dict.fromkeys(statement.targets, statement))
            level = max((self.level.get(name, 0) for name in reads(statement.value)), default=0)
            self.level.update(dict.fromkeys(statement.targets, level))
        stacked = _map(self.varying, stacked)
        results = [*_leaves(stacked), *(operand for leaf in _leaves(summed) for operand in self.summands(leaf))]
        self.assign_places(self.ancestors(list(new.values())), self.ancestors([*new.values(), *results]))
        self.name_factors()
        inside = {self.root(array.name) for array in results if self.is_inside(self.root(array.name))}
        for statement in self.inner.statements:
            if self.place.get(statement.target) == "after":
                inside |= {root for root in map(self.root, reads(statement.value)) if self.is_inside(root)}
        for statement in self.inner.statements:
            if self.place.get(statement.target) in ("once", "before"):
                self.move(statement)
        states = self.loop(first, new, inside, results, backwards)
        for statement in self.inner.statements:
            if self.place.get(statement.target) == "after":
                self.move(statement)
        return states, _map(lambda leaf: self.lift(leaf.name), stacked), _map(self.total, summed)

    def name_factors(self) -> None:
        """Call a factor by what each step multiplies with it: `by_h` for that of `dh`."""
        names = self.inner.names
        for statement in self.inner.statements:
            if statement.op is not ops.MULTIPLY or self.place.get(statement.target) != "inside":
                continue
            if len(reads(statement.value)) != 2:
                continue
            base, factor = sorted(reads(statement.value), key=lambda name: -self.level.get(name, 0))
            known = names.get(base, base)
            if {statement.target, factor} & names.keys() or self.level.get(factor) != 1 or "#" in known:
                continue
            if "#" in factor:
                names[factor] = f"by_{known.removeprefix('d')}"

    def varying(self, array: Array) -> Array:
        """`array`, or a copy of it at each step where it is always the same."""
        if not self.level.get(array.name, 0):
            array = self.inner.copy(array)
            self.makers[array.name], self.level[array.name] = self.inner.statements[-1], 2
        return array

    def ancestors(self, arrays: list[Array]) -> set[str]:
        """The variables that `arrays` depend on, themselves among them."""
        found = {array.name for array in arrays}
        for statement in reversed(self.inner.statements):
            if not found.isdisjoint(statement.targets):
                found.update(reads(statement.value), statement.targets)
        return found

    def assign_places(self, carried: set[str], needed: set[str]) -> None:
        stacked: set[str] = set()
        for statement in self.inner.statements:
            if needed.isdisjoint(statement.targets):
                continue
            roots = {root for root in map(self.root, reads(statement.value)) if self.level.get(root, 0)}
            if not roots:
                self.place.update(dict.fromkeys(statement.targets, "once"))
            elif statement.op.view:
                continue
            elif not carried.isdisjoint(statement.targets):
                early = self.can_lift(statement) and all(
                    self.place.get(r) == "before" or r in self.whole for r in roots
                )
                self.place.update(dict.fromkeys(statement.targets, "before" if early else "inside"))
            else:
                worth = is_product(statement) or not any(self.is_inside(root) and root not in stacked for root in roots)
                late = self.can_lift(statement) and worth
                self.place.update(dict.fromkeys(statement.targets, "after" if late else "inside"))
                if late:
                    stacked |= roots

    # --------------------------------------------------------------------------------------------------------- the loop

    def loop(
        self, first: Mapping[str, Any], new: dict[str, Array], stacked: set[str], results: list[Array], backwards: bool
    ) -> dict[str, Array]:
        """Write the loop down; what it stacks is lifted by then."""
        self.inside = self.body()
        pinned: dict[str, str] = {}
        roles: list[Role] = []
        kinds: list[ArrayType] = []
        stacks: dict[str, str] = {}
        copies = {name: self.copied(name) for name in sorted(stacked) if self.place.get(name) != "inside"}
        stacked = {copies.get(name, name) for name in stacked}
        # States that are overwritten come last, for they may be read up to the end.
        for name, param in self.states.items():
            after = self.local(f"next_{name}") if self.every else param
            target = self.final(new[name].name, param, pinned)
            pinned[target] = after
            shape = self.inner.types[param].shape
            roles.append(Role("states" if self.every else "state", param, after))
            kinds.append(ArrayType((self.steps + 1, *shape) if self.every else shape))
            if self.every:
                for alias in {new[name].name, self.kept_by(new[name].name, param)} & stacked:
                    stacks[alias] = param
        for name in [target for statement in self.inside for target in statement.targets if target in stacked]:
            if name in stacks:
                continue
            over = self.memory_for(name, pinned, results)
            local = over or self.local(self.inner.names.get(name, "each"))
            if any(name in statement.targets for statement in self.inside):  # and not its parts alone
                pinned[name] = local
            kind = self.inner.types[name]
            roles.append(Role("over" if over else "stacked", local))
            kinds.append(ArrayType((self.steps, *kind.shape), kind.dtype))
            stacks[name] = local
        made = self.record(first, roles, kinds, pinned, backwards)
        by_name = {role.name: array for role, array in zip(roles, made, strict=True)}
        raw = {local: name for name, local in stacks.items()}
        for role, array in zip(roles, made, strict=True):
            if role.kind in ("state", "states"):
                known = {param: name for name, param in self.states.items()}
                self.outer.name(array, self.rename(f"{known[role.name]}_{role.kind}"))
            elif (wanted := self.inner.names.get(raw[role.name])) is not None:
                self.outer.name(array, self.rename(wanted))
        for name, local in stacks.items():
            whole = by_name[local]
            self.lifted[name] = self.steps_of(whole, slice(1, None)) if local in self.states.values() else whole
        for name, copy in copies.items():
            self.lifted[name] = self.lifted[copy]
        if self.every:
            for param in self.states.values():
                self.lifted[param] = self.steps_of(by_name[param], slice(None, -1))
        return {name: by_name[param] for name, param in self.states.items()}

    def body(self) -> list[Statement]:
        """The statements inside, with the views that they read."""
        found: list[Statement] = []
        views: set[str] = set()
        for statement in reversed(self.inner.statements):
            if self.place.get(statement.target) == "inside" or statement.target in views:
                found.append(statement)
                views |= {name for name in reads(statement.value) if name != self.root(name) and not self.is_part(name)}
        return found[::-1]

    def is_part(self, name: str) -> bool:
        """Whether it is a look at what a step has of a sequence: the loop takes it from a look at all steps."""
        root = self.root(name)
        return name != root and (root in self.whole or self.place.get(root) == "before") and self.can_lift_view(name)

    def copied(self, name: str) -> str:
        """A copy, made inside, of what would be overwritten."""
        views = []
        while name != self.root(name) and not self.is_part(name) and self.makers[name] not in self.inside:
            views.append(self.makers[name])
            name = reads(self.makers[name].value)[0]
        self.inside += reversed(views)
        name = views[0].target if views else name
        copy = self.inner.copy(Array(name, self.type_of(name)))
        self.inside.append(self.inner.statements[-1])
        self.place[copy.name] = "inside"
        return copy.name

    def final(self, name: str, param: str, pinned: Mapping[str, str]) -> str:
        """The variable that becomes the next state: `name`, or a copy of it, where that has no place of its own."""
        plain = self.place.get(name) == "inside" and name not in pinned and name in self.makers
        if plain and (self.every or not self.spoils(name, param)):
            return name
        if not self.every and name not in self.makers and name != param:
            name = self.copied(name)  # another state, which may be overwritten before
        return self.copied(name)

    def spoils(self, name: str, param: str) -> bool:
        """Whether something still reads a part or a state when `name` is computed in its memory."""
        at = next(i for i, statement in enumerate(self.inside) if name in statement.targets)
        for i, statement in enumerate(self.inside):
            read = [item for item in reads(statement.value) if self.root(item) == param]
            if i > at and read and not statement.op.view:
                return True
            if i == at and read and (set(read) != {param} or not statement.op.replaces_any):
                return True
        return False

    def kept_by(self, name: str, param: str) -> str:
        """What `np.where` chooses from, where it keeps the state that was; `name` itself otherwise."""
        statement = self.makers.get(name)
        if statement is not None and statement.op is ops.WHERE:
            _, *chosen = reads(statement.value)
            if len(chosen) == 2 and chosen[0] == param:
                return chosen[1]
        return name

    def record(
        self,
        first: Mapping[str, Any],
        gives: list[Role],
        kinds: list[ArrayType],
        pinned: dict[str, str],
        backwards: bool,
    ) -> tuple[Array, ...]:
        arguments: dict[str, Role] = {}
        places: dict[str, ast.expr] = {}
        types: dict[str, ArrayType] = {}
        self.inside = list(map(self.stretched, self.inside))
        within = {target for statement in self.inside for target in statement.targets}
        for name in [name for statement in self.inside for name in reads(statement.value) if name not in within]:
            if self.place.get(name) == "before" or self.is_part(name):
                part = self.part_of(name)
                assert part is not None
                places[name] = ast.Name(part, ast.Load())
                arguments[self.whole[part].name] = Role("sequence", part)
            elif name in self.whole:
                arguments[self.whole[name].name] = Role("sequence", name)
            elif name not in self.states.values():
                constant = self.lift(name)
                places[name] = ast.Name(constant.name, ast.Load())
                types[constant.name] = constant.type
                if constant.name not in arguments:
                    arguments[constant.name] = Role("constant", constant.name, self.local(self.name_of(constant)))
        for role in gives:
            if role.kind == "over":
                arguments[self.whole[role.name].name] = Role("sequence", role.name)
        statements = [replace(each, value=substitute(each.value, places)) for each in self.inside]
        types |= {name: kind for name, kind in self.inner.types.items() if name in within or "#" not in name}
        body = Program(
            tuple(statements),
            types,
            {name: own for name, raw in self.inner.names.items() if (own := self.rename(raw)) is not None},
            frozenset(name for name in types if name not in within),
            pinned,
            taken=frozenset(self.outer.taken),
        )
        values: list[ast.expr] = [ast.Name(name, ast.Load()) for name in arguments]
        firsts = [first[name] for name in self.states]
        values += [ast.Name(each.name, ast.Load()) if isinstance(each, Array) else literal(0.0) for each in firsts]
        roles = (*arguments.values(), *(Role("first", param) for param in self.states.values()))
        made = self.outer.emit_several(operation(ops.LOOP, *values), kinds)
        loop = Loop(body, self.steps, roles, tuple(gives), backwards)
        self.outer.statements[-1] = replace(self.outer.statements[-1], loop=loop)
        return made

    def stretched(self, statement: Statement) -> Statement:
        """A statement that adds a column to a matrix, with the column stretched to one before the loop."""
        kind = self.inner.types[statement.target]
        places: dict[str, ast.expr] = {}
        for name in reads(statement.value) if statement.op.replaces_any else []:
            if self.is_column(name, kind):
                places[name] = ast.Name(self.widened(name, kind).name, ast.Load())
        return replace(statement, value=substitute(statement.value, places)) if places else statement

    def name_of(self, constant: Array) -> str:
        """What a constant is called in the loop: as the weight, or whatever it is a look at."""
        name = constant.name
        while name in self.outer.views and name not in self.outer.names:
            name = self.outer.views[name].name
        if "#" not in name:
            return name.rpartition(".")[2]
        return f"{self.outer.names[name]}_part" if name in self.outer.names else "part"

    def steps_of(self, array: Array, part: slice) -> Array:
        return self.outer.call(ops.INDEX, array, part)

    # -------------------------------------------------------------------------------------------- where results are put

    def memory_for(self, name: str, pinned: dict[str, str], results: list[Array]) -> str | None:
        """What a step has of a stack that nobody else reads, for a result of the loop to be put in its place."""
        late = {
            name
            for each in self.inner.statements
            if self.place.get(each.target) == "after"
            for name in reads(each.value)
        }
        others = {self.root(item) for item in [*late, *(array.name for array in results)]}
        for source in [target for target, place in self.place.items() if place == "before"]:
            whole = self.lifted[source]
            kinds = [self.inner.types[each] for each in (source, name)]
            same = kinds[0].shape == kinds[1].shape and kinds[0].dtype == kinds[1].dtype and whole.type.contiguous
            if not same or source in others or source in self.occupied or whole.name in self.outer.views:
                continue
            if self.known_part(source) in pinned.values():
                continue
            parts = self.parts_in(source, name)
            if parts and pinned.keys().isdisjoint(parts):
                return self.laid_in(source, name, parts, pinned)
            if self.is_read(source) and not self.spoils(name, source):
                return self.part_of(source, self.inner.names.get(name, "each"))
        return None

    def known_part(self, name: str) -> str | None:
        """What a step has of a stack that was computed before the loop is called by now."""
        whole = self.lift(name)
        return next((known for known, each in self.whole.items() if each == whole), None)

    def is_read(self, name: str) -> bool:
        """Whether the loop reads a variable as it is, and not only views of it."""
        return any(item == name for statement in self.inside for item in reads(statement.value))

    def parts_in(self, source: str, name: str) -> dict[str, str]:
        """What is laid side by side in `name`, if each part can be computed in its place in `source`: there.

        So it is where each part is computed of what is there, number by number, and nothing else looks at `source`.
        """
        joint = self.makers[name]
        if joint.op is not ops.CONCATENATE or joint.value.keywords[0].value.value != 0:  # type: ignore[attr-defined]  # a concatenation says its axis, a number
            return {}
        if not all(self.can_lift_view(each.target) for each in self.inner.statements if self.root(each.target) == name):
            return {}
        looking = [each for each in self.inside if not each.op.view and source in map(self.root, reads(each.value))]
        readers = {each.target: each for each in looking}
        found: dict[str, str] = {}
        first, blocks = 0, self.inner.types[name].shape[0]
        if not isinstance(blocks, int):
            return {}
        for part in reads(joint.value):
            count = self.inner.types[part].shape[0]
            statement = readers.pop(part, None)
            views = [] if statement is None else [each for each in reads(statement.value) if self.root(each) == source]
            if statement is None or not statement.op.replaces_any or len(views) != 1 or not isinstance(count, int):
                return {}
            (view,) = views
            index = None if view == source else ast.unparse(self.makers[view].value.args[1])  # type: ignore[attr-defined]  # a view is a call
            if index != ast.unparse(literal(blocks_at(first, first + count, blocks))):
                return {}
            found[part] = view
            first += count
        return {} if readers else found

    def laid_in(self, source: str, name: str, parts: dict[str, str], pinned: dict[str, str]) -> str:
        """Compute each part of what is laid side by side in its place; returns what a step has of the whole."""
        for part, view in parts.items():
            local = self.part_of(view)
            assert local is not None
            pinned[part] = local
        self.occupied.add(source)
        now: dict[str, str] = {name: source}
        for statement in list(self.inner.statements):
            if statement.op.view and statement.target != name and self.root(statement.target) == name:
                now[statement.target] = self.view_instead(statement, now[reads(statement.value)[0]])
        places: dict[str, ast.expr] = {old: ast.Name(new, ast.Load()) for old, new in now.items()}
        kept = [each for each in self.inside if each.target not in now]
        self.inside = [replace(each, value=substitute(each.value, places)) for each in kept]
        wanted = self.inner.names.get(name, "each") if self.is_read(source) else "whole"
        return self.part(self.lift(source), wanted).name

    def view_instead(self, statement: Statement, base: str) -> str:
        """The same look at another array."""
        target = f"{statement.target}.{base}"
        value = substitute(statement.value, {reads(statement.value)[0]: ast.Name(base, ast.Load())})
        self.makers[target] = replace(statement, target=target, value=value)
        self.inner.types[target], self.level[target] = self.inner.types[statement.target], 1
        if statement.target in self.inner.names:
            self.inner.names[target] = self.inner.names[statement.target]
        return target

    def part_of(self, name: str, wanted: str = "each") -> str | None:
        """What a step has of a stack that was computed before the loop is called, if the loop reads it."""
        if any(item == name for statement in self.inside for item in reads(statement.value)):
            own = self.inner.names.get(name, self.inner.names.get(self.root(name), wanted))
            return self.part(self.lift(name), own).name
        return None


def _takes_whole_steps(build: Builder, array: Array) -> bool:
    """Whether each step of an array lies in order in memory, though the array may not."""
    base = build.views.get(array.name)
    return base is not None and base.type.contiguous and base.shape[1:] == array.shape[1:] and _is_index(build, array)


def _is_index(build: Builder, array: Array) -> bool:
    return any(each.target == array.name and each.op is ops.INDEX for each in reversed(build.statements))


def _leaves(tree: Any) -> Iterator[Array]:
    if isinstance(tree, Mapping):
        for part in tree.values():
            yield from _leaves(part)
    elif tree is not None:
        yield tree


def _map(change: Callable[[Array], Array], tree: Any) -> Any:
    if isinstance(tree, Mapping):
        return {name: _map(change, part) for name, part in tree.items()}
    return None if tree is None else change(tree)
