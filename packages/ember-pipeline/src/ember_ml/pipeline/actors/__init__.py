"""Actors: bounded mailboxes, references and supervision."""
