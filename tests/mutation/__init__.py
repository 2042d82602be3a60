"""Mutation testing: tests/mutate is the program."""
