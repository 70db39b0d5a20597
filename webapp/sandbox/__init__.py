"""The sandbox's page: how its workers are, and a console that runs a program on one of them."""
