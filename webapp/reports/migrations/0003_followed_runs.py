from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def see_to_those_that_are_done(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """What goes on from them was begun as they ended; what is not there any more was deleted."""
    apps.get_model("reports", "ReportRun").objects.filter(run__status="succeeded").update(followed=True)


class Migration(migrations.Migration):
    dependencies = [
        ("reports", "0002_sweeps"),
        ("runs", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="reportrun",
            name="followed",
            field=models.BooleanField(default=False),
        ),
        migrations.RunPython(see_to_those_that_are_done, migrations.RunPython.noop, elidable=True),
    ]
