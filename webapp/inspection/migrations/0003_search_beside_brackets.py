# A generated column cannot be altered, only made anew.
import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.db import migrations, models
from django.db.models import functions


class Migration(migrations.Migration):

    dependencies = [("inspection", "0002_rollout_by_advantage")]

    operations = [
        migrations.RemoveIndex(model_name="rollouttext", name="rollout_text_search"),
        migrations.RemoveField(model_name="rollouttext", name="search"),
        migrations.AddField(
            model_name="rollouttext",
            name="search",
            field=models.GeneratedField(
                db_persist=True,
                expression=django.contrib.postgres.search.SearchVector(
                    models.Func(
                        functions.Left("text", 100000), models.Value("<>/"), models.Value("   "), function="translate"
                    ),
                    config="simple",
                ),
                output_field=django.contrib.postgres.search.SearchVectorField(),
            ),
        ),
        migrations.AddIndex(
            model_name="rollouttext",
            index=django.contrib.postgres.indexes.GinIndex(fields=["search"], name="rollout_text_search"),
        ),
    ]
