"""Tests of the runner, a package so that its conftest has a name of its own."""
