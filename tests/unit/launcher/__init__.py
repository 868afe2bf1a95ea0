"""Tests of the launcher, a package so that its conftest has a name of its own."""
