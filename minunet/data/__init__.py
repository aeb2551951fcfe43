"""Data: reading what a lab has (`readers`, `scaling`), and making what nobody has to annotate."""
