"""Memory tasks, cells and their training: Section 2.8 of Park, Sagodi and Sokol (2023)."""
