"""Networks of nodes: a node, a coupling and matrices."""
