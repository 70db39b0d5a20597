from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inspection", "0003_search_beside_brackets")]

    operations = [migrations.AddField("rollout", "cached", models.BooleanField(default=False))]
