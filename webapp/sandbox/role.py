"""The database's role for sandbox workers: it reaches the tables that they write, and no other.

Who breaks out of a sandbox finds what its worker holds. With a role of its own that is no run, no user, no password.
"""

from django.apps import apps
from django.db import ProgrammingError, connection, transaction
from psycopg import sql

from webapp.core.errors import UserError


def role_name() -> str:
    """That of the database's user with ``_sandbox`` behind it."""
    return f"{connection.settings_dict['USER']}_sandbox"


def grant_role(name: str, password: str) -> None:
    """Make the role, or give the one that is there this password and these rights alone.

    Raises UserError where the database's user may not.
    """
    tables = [model._meta.db_table for model in apps.get_app_config("sandbox").get_models()]
    role, owned = sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, tables))
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
        verb = sql.SQL("ALTER" if cursor.fetchone() else "CREATE")
    statements = (
        sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, role, sql.Literal(password)),
        sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(role),
        sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(role),
        sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}").format(owned, role),
    )
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
    except ProgrammingError as error:
        raise UserError(
            f"The database's role {name} cannot be set up: {str(error).strip()}. Give the database's user the right to "
            "create roles, or leave SANDBOX_DATABASE_PASSWORD empty and have sandbox workers use its own address."
        ) from error
