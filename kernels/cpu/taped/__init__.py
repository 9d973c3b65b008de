"""States first, tangents after: propagators that keep a tape of the states' derivatives."""
