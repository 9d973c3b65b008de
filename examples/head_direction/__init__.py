"""Head direction by relative phase: Section 2.11 of Park, Sagodi and Sokol (2023)."""
