"""Flows with delays: states and tangents that keep their past, and QR of tall blocks of them."""
