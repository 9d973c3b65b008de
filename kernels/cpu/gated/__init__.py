"""Recurrent cells with gates, in layers."""
