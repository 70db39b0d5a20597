"""Questions stand where jobs stand; apart from the columns, since PostgreSQL alters no table with changed rows."""

from django.db import migrations
from django.db.models import OuterRef, Subquery

STATES = {"waiting": "queued", "answering": "running", "done": "succeeded"}


def rename(apps, schema_editor):
    questions = apps.get_model("playground", "Question").objects
    chats = apps.get_model("playground", "Chat").objects.filter(pk=OuterRef("chat"))
    questions.update(created_by=Subquery(chats.values("created_by")[:1]))
    for old, new in STATES.items():
        questions.filter(state=old).update(state=new)


def rename_back(apps, schema_editor):
    questions = apps.get_model("playground", "Question").objects
    for old, new in STATES.items():
        questions.filter(state=new).update(state=old)


class Migration(migrations.Migration):

    dependencies = [("playground", "0002_questions_are_jobs")]

    operations = [migrations.RunPython(rename, rename_back)]
