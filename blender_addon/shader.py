"""A few words in which a shader's nodes can be written down like a formula."""

from __future__ import annotations

from typing import Any

Value = Any
"""An output socket, or a plain number or colour."""


class Graph:
    """Adds nodes to an empty node tree."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree
        tree.nodes.clear()

    def node(self, kind: str, **inputs: Value) -> Any:
        """A new node of the type `kind`, with values or links for the inputs of these names."""
        node = self.tree.nodes.new(kind)
        for name, value in inputs.items():
            self._feed(node.inputs[name], value)
        return node

    def math(self, operation: str, *operands: Value) -> Any:
        """The result of a Math node."""
        node = self.tree.nodes.new("ShaderNodeMath")
        node.operation = operation
        for socket, value in zip(node.inputs, operands, strict=False):
            self._feed(socket, value)
        return node.outputs[0]

    def mix(self, share: Value, first: Value, second: Value) -> Any:
        """`first` + `share` * (`second` - `first`)."""
        return self.math("MULTIPLY_ADD", share, self.math("SUBTRACT", second, first), first)

    def clamped(self, value: Value, low: float, high: float) -> Any:
        """`value` where it lies between `low` and `high`, else the nearer of them."""
        return self.math("MINIMUM", self.math("MAXIMUM", value, low), high)

    def add_shaders(self, first: Any, second: Any) -> Any:
        """The sum of two shaders."""
        node = self.tree.nodes.new("ShaderNodeAddShader")
        for socket, value in zip(node.inputs, (first, second), strict=True):
            self.link(value, socket)
        return node.outputs[0]

    def link(self, source: Any, target: Any) -> None:
        """Let `source`, an output socket, feed the input socket `target`."""
        self.tree.links.new(source, target)

    def _feed(self, socket: Any, value: Value) -> None:
        if hasattr(value, "is_output"):
            self.link(value, socket)
        else:
            socket.default_value = value
